"""Asking for an erasure, and reading how far it has come."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.models import Erasure
from veilleur.domain.custody.subject import Subject, require_source
from veilleur.domain.intake.models import Item, LegalHold
from veilleur.domain.tenancy.keyring import find_sealer, hash_subject
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose, by whom, and under which id when it had one before."""

    kind: Literal["author", "client"]
    subject: Subject
    actor: str
    erasure_id: UUID | None = None


async def erase_author(
    session: AsyncSession, masters: Sealer, agency_id: UUID, subject: Subject, actor: str
) -> Erasure:
    """Have everything of an author erased; asked again while that goes on, it is the same erasure.

    What they sent until now goes; what they write afterwards is theirs to be erased once more.
    """
    await require_source(session, agency_id, subject.client_id, subject.source_id)
    return await request_erasure(session, masters, agency_id, Wanted("author", subject, actor))


async def erase_client(session: AsyncSession, masters: Sealer, agency_id: UUID, client_id: UUID, actor: str) -> Erasure:
    """Have everything of a client erased but what the law wants kept."""
    return await request_erasure(session, masters, agency_id, Wanted("client", Subject(client_id, ""), actor))


async def request_erasure(session: AsyncSession, masters: Sealer, agency_id: UUID, wanted: Wanted) -> Erasure:
    """Note an erasure, or find the one about the same that goes on. A source that it names is the caller's to check."""
    kind, subject, actor = wanted.kind, wanted.subject, wanted.actor
    written = subject.write()
    known = await hash_subject(session, masters, agency_id, f"{kind} {written}")
    erasure_id = wanted.erasure_id or new_id()
    sealer = await find_sealer(session, masters, agency_id, None)
    new = {
        "agency_id": agency_id,
        "id": erasure_id,
        "client_id": subject.client_id,
        "kind": kind,
        "source_id": subject.source_id,
        "subject_hash": known,
        "subject": sealer.seal(written.encode(), seal_place(agency_id, erasure_id)),
        "requested_by": actor,
    }
    made = (
        await session.execute(upsert(Erasure).values(new).on_conflict_do_nothing().returning(Erasure.id))
    ).one_or_none()
    query = select(Erasure).where(
        Erasure.agency_id == agency_id,
        Erasure.client_id == subject.client_id,
        Erasure.subject_hash == known,
        Erasure.state != "finished",
    )
    erasure = (await session.scalars(query)).one()
    await hint_work(session, agency_id, "erasure")
    if not made:
        # What has come in since the first request is meant as well.
        again: dict[str, Any] = {"requested_at": func.app_now(), "state": "running", "cursor": None}
        mine = (Erasure.agency_id == agency_id, Erasure.id == erasure.id)
        await session.execute(update(Erasure).where(*mine).values(**again))
        await session.refresh(erasure)
    else:
        deed = Deed(actor, "erasure.requested", show_id("ers", erasure_id), subject.client_id, {"kind": kind})
        await record_deeds(session, agency_id, [deed])
    return erasure


async def find_erasure(session: AsyncSession, agency_id: UUID, client_id: UUID, erasure_id: UUID) -> Erasure:
    erasure = await session.get(Erasure, (agency_id, erasure_id))
    if erasure is None or erasure.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=show_id("ers", erasure_id)))
    return erasure


def describe_erasure(erasure: Erasure) -> dict[str, Any]:
    """The receipt; it never names whom it is about."""
    return {
        "id": show_id("ers", erasure.id),
        "kind": erasure.kind,
        "state": erasure.state,
        "subject": erasure.subject_hash.hex(),
        "requested_at": erasure.requested_at,
        "finished_at": erasure.finished_at,
        "erased": erasure.counts,
        "kept": [
            {"kind": kind, "count": count, "reason": "legal_hold"} for kind, count in erasure.kept.items() if count
        ],
    }


def seal_place(agency_id: UUID, erasure_id: UUID) -> str:
    return f"{agency_id}|erasures|{erasure_id}"


async def count_holds(session: AsyncSession, agency_id: UUID, client_id: UUID) -> int:
    query = select(func.count()).select_from(LegalHold).where(
        LegalHold.agency_id == agency_id, LegalHold.client_id == client_id, LegalHold.lifted_at.is_(None)
    )  # fmt: skip
    return (await session.execute(query)).scalar_one()


async def count_held_items(session: AsyncSession, agency_id: UUID, subject: Subject) -> int:
    query = select(func.count()).select_from(Item).where(*subject.owns(agency_id), Item.hold_class.is_not(None))
    return (await session.execute(query)).scalar_one()
