"""A client leaves in one call: doors shut, open questions ended, a last bill, an archive, and in the end nothing left.

`scheduled` until its day; then sources are closed and keys dead (within the five seconds that look-ups are kept), and
open cases are finished by moderators or returned undecided; when none is left the contract ends and the term begins,
in which the archive can be taken; at its end everything is erased. Until then it can be called off.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.models import Offboarding
from veilleur.domain.tenancy.models import Client, Credential, Source
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Conflict, InputError, Invalid, NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

Mode = Literal["finish", "return"]
CANCELLABLE = ("scheduled", "closing", "waiting")


@dataclass(frozen=True, slots=True)
class Leaving:
    """`on`: the first day without service, in the client's zone; at once without it. `waive_archive`: nobody will take
    one, so that no term is needed.
    """

    mode: Mode
    on: date | None
    term_days: int
    waive_archive: bool = False


async def begin_offboarding(session: AsyncSession, client: Client, leaving: Leaving, actor: str) -> Offboarding:
    """A client leaves once: `Conflict` while it is on its way out already. `Invalid`: in the past, or with no time left
    to take the archive.
    """
    present = (await session.execute(select(func.app_now()))).scalar_one()
    _check_wish(leaving, present.astimezone(ZoneInfo(client.time_zone)).date())
    row = Offboarding(
        agency_id=client.agency_id,
        id=new_id(),
        client_id=client.id,
        mode=leaving.mode,
        starts_at=find_start(leaving.on, client.time_zone, present),
        term_days=leaving.term_days,
        requested_by=actor,
        requested_at=present,
    )
    try:
        async with session.begin_nested():
            session.add(row)
            await session.flush()
    except IntegrityError:
        raise Conflict(
            msg("This client is leaving already: {id}", id=await _find_open(session, client)), slug="offboarding-open"
        ) from None
    if row.starts_at <= present:
        await shut_doors(session, row)
    await hint_work(session, client.agency_id, "offboarding", due_at=max(row.starts_at, present))
    details = {"mode": row.mode, "starts_at": row.starts_at.isoformat(), "term_days": row.term_days}
    await _note(session, row, "offboarding.begun", actor, details)
    return row


async def cancel_offboarding(session: AsyncSession, row: Offboarding, actor: str) -> Offboarding:
    """The client stays: its sources are what they were. Keys stay dead, and what was returned, ended
    or billed stays so.
    """
    await session.refresh(row, with_for_update=True)
    if row.state not in CANCELLABLE:
        raise Conflict(msg("It is too late: the state is {state}", state=row.state), slug="offboarding-over")
    for source_id, mode in row.source_modes.items():
        mine = (Source.agency_id == row.agency_id, Source.id == UUID(source_id), Source.mode == "closed")
        await session.execute(update(Source).where(*mine).values(mode=mode))
    row.state, row.erase_at = "cancelled", None
    row.ended_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    await _note(session, row, "offboarding.cancelled", actor, {})
    return row


async def find_offboarding(
    session: AsyncSession, agency_id: UUID, client_id: UUID, offboarding_id: UUID
) -> Offboarding:
    row = await session.get(Offboarding, (agency_id, offboarding_id))
    if row is None or row.client_id != client_id:
        raise NotFound(msg("There is no {id} here", id=show_id("ofb", offboarding_id)))
    return row


async def require_staying(session: AsyncSession, agency_id: UUID, client_id: UUID) -> None:
    """Refuse to open doors for a client that is on its way out, or gone."""
    query = select(Offboarding.id).where(
        Offboarding.agency_id == agency_id,
        Offboarding.client_id == client_id,
        Offboarding.state.not_in(("scheduled", "cancelled")),
    )
    if (await session.scalars(query.limit(1))).first() is not None:
        raise Conflict(msg("This client is leaving already"), slug="offboarding-open")


async def _find_open(session: AsyncSession, client: Client) -> str:
    query = select(Offboarding.id).where(
        Offboarding.agency_id == client.agency_id,
        Offboarding.client_id == client.id,
        Offboarding.ended_at.is_(None),
    )
    return show_id("ofb", (await session.scalars(query)).one())


async def shut_doors(session: AsyncSession, row: Offboarding) -> None:
    """Nothing comes in any more, and no key opens anything."""
    of_client = (Source.agency_id == row.agency_id, Source.client_id == row.client_id)
    sources = (await session.scalars(select(Source).where(*of_client).with_for_update())).all()
    row.source_modes = {str(source.id): source.mode for source in sources if source.mode != "closed"}
    for source in sources:
        source.mode = "closed"
    live = (
        Credential.agency_id == row.agency_id, Credential.client_id == row.client_id, Credential.revoked_at.is_(None),
    )  # fmt: skip
    dead = await session.execute(update(Credential).where(*live).values(revoked_at=func.app_now()))
    row.state = "closing"
    row.progress = {"sources_closed": len(sources), "keys_revoked": dead.rowcount}  # type: ignore[attr-defined]  # a cursor result
    await session.flush()


def _check_wish(leaving: Leaving, today: date) -> None:
    errors = []
    if leaving.on is not None and leaving.on < today:
        errors.append(InputError("/on", msg("is in the past"), msg("today is {day} where the client is", day=today)))
    if leaving.term_days == 0 and not leaving.waive_archive:
        hint = msg("give the client a term, or say that nobody wants the archive: waive_archive")
        errors.append(InputError("/term_days", msg("leaves no time to take the archive"), hint))
    if errors:
        raise Invalid(msg("The client can't leave like this"), errors=errors)


def find_start(on: date | None, time_zone: str, present: datetime) -> datetime:
    """Midnight before that day in the client's zone; never before now."""
    if on is None:
        return present
    return max(present, datetime.combine(on, time(), ZoneInfo(time_zone)))


def describe_offboarding(row: Offboarding) -> dict[str, Any]:
    return {
        "id": show_id("ofb", row.id),
        "client": show_id("cli", row.client_id),
        "mode": row.mode,
        "state": row.state,
        "starts_at": row.starts_at,
        "term_days": row.term_days,
        "erase_at": row.erase_at,
        "progress": row.progress,
        "final_invoice": None,
        "erasure": None,
        "requested_by": row.requested_by,
        "requested_at": row.requested_at,
        "ended_at": row.ended_at,
    }


async def begin_term(session: AsyncSession, row: Offboarding) -> None:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    row.state, row.erase_at = "waiting", present + timedelta(days=row.term_days)
    await session.flush()
    await hint_work(session, row.agency_id, "offboarding", due_at=row.erase_at)
    await _note(session, row, "offboarding.closed", "system", {"erase_at": row.erase_at.isoformat()})


async def _note(session: AsyncSession, row: Offboarding, action: str, actor: str, details: dict[str, Any]) -> None:
    deed = Deed(actor, action, show_id("ofb", row.id), row.client_id, details)
    await record_deeds(session, row.agency_id, [deed])
