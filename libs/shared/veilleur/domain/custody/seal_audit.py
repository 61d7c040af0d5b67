"""Sealing the trail: what was committed since the last seal gets its places, a root, and a signature."""

from uuid import UUID

from sqlalchemy import any_, func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.merkle import Head, find_root, hash_entry, write_head
from veilleur.domain.audit.models import AuditEntry, AuditPlace, AuditSeal
from veilleur.domain.audit.queries import find_last_seal, list_unsealed, to_entry
from veilleur.domain.custody.signing import SealKey, load_seal_key
from veilleur.domain.outbox.announce import AgencyEventType, Announcement, announce
from veilleur.domain.outbox.models import Endpoint
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.security.sealing import Sealer
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id

SEAL_EVENT: AgencyEventType = "audit.sealed"
# One sealer at a time: places are given in order, as an agency's events are.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('veilleur audit ' || CAST(:agency_id AS text), 0))")


async def seal_entries(session: AsyncSession, masters: Sealer, agency_id: UUID, limit: int) -> AuditSeal | None:
    """Seal up to `limit` entries; None when all are, or when there is no key to sign with yet."""
    await session.execute(_LOCK, {"agency_id": str(agency_id)})
    last = await find_last_seal(session, agency_id)
    entries = await list_unsealed(session, agency_id, last, limit)
    key = await load_seal_key(session, masters) if entries else None
    if key is None:
        return None
    leaves = [_hash(entry) for entry in entries]
    first = 1 if last is None else last.last_place + 1
    places = [
        {"place": place, "entry_id": entry.id, "leaf": leaf}
        for place, (entry, leaf) in enumerate(zip(entries, leaves, strict=True), start=first)
    ]
    await insert_rows(session, AuditPlace, places, shared={"agency_id": agency_id})
    head = Head(
        agency_id=agency_id,
        number=1 if last is None else last.number + 1,
        first_place=first,
        last_place=first + len(leaves) - 1,
        root=find_root(leaves),
        previous=None if last is None else last.root,
        sealed_at=(await session.execute(select(func.app_now()))).scalar_one(),
    )
    seal = await _keep(session, head, key)
    await _publish(session, seal)
    return seal


def describe_seal(seal: AuditSeal) -> dict[str, object]:
    """A head as it is published: whoever keeps it can tell later whether the trail was cut or written anew."""
    return {
        "number": seal.number,
        "first_place": seal.first_place,
        "last_place": seal.last_place,
        "root": seal.root.hex(),
        "previous": None if seal.previous is None else seal.previous.hex(),
        "sealed_at": to_rfc3339(seal.sealed_at),
        "kid": seal.kid,
        "signature": seal.signature,
    }


def _hash(row: AuditEntry) -> bytes:
    entry = to_entry(row)
    assert entry is not None  # noqa: S101 - a row is given
    return hash_entry(entry)


async def _keep(session: AsyncSession, head: Head, key: SealKey) -> AuditSeal:
    seal = {
        "agency_id": head.agency_id,
        "number": head.number,
        "first_place": head.first_place,
        "last_place": head.last_place,
        "root": head.root,
        "previous": head.previous,
        "sealed_at": head.sealed_at,
        "kid": key.kid,
        "signature": key.sign(write_head(head)),
    }
    return (await session.scalars(insert(AuditSeal).values(seal).returning(AuditSeal))).one()


async def _publish(session: AsyncSession, seal: AuditSeal) -> None:
    """To the agency's endpoints that name this event; those that want all are not told once a second."""
    query = select(Endpoint.id).where(
        Endpoint.agency_id == seal.agency_id,
        Endpoint.client_id.is_(None),
        Endpoint.disabled_at.is_(None),
        any_(Endpoint.events) == SEAL_EVENT,
    )
    data = {"agency": show_id("agc", seal.agency_id)} | describe_seal(seal)
    told = [
        Announcement(None, SEAL_EVENT, data, seal.sealed_at, endpoint_id=endpoint)
        for endpoint in await session.scalars(query)
    ]
    await announce(session, seal.agency_id, told)
