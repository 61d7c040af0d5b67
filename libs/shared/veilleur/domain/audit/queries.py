"""Reading the trail: entries, seals, and both together for whoever checks them."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import and_, exists, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.inspect_seals import Place, Sealed
from veilleur.domain.audit.merkle import Entry, Head
from veilleur.domain.audit.models import AuditEntry, AuditPlace, AuditSeal

LONGEST_S = 60
"""No transaction lives longer: what is older than the last seal by this much was there when that was made."""


async def find_last_seal(session: AsyncSession, agency_id: UUID) -> AuditSeal | None:
    query = select(AuditSeal).where(AuditSeal.agency_id == agency_id).order_by(AuditSeal.number.desc()).limit(1)
    return (await session.scalars(query)).one_or_none()


async def list_unsealed(
    session: AsyncSession, agency_id: UUID, last: AuditSeal | None, limit: int
) -> Sequence[AuditEntry]:
    """The oldest entries without a place. An entry's instant is its transaction's, so few before the last seal can be
    new; a clock that was set back is no harm.
    """
    placed = exists().where(AuditPlace.agency_id == AuditEntry.agency_id, AuditPlace.entry_id == AuditEntry.id)
    query = select(AuditEntry).where(AuditEntry.agency_id == agency_id, ~placed)
    if last is not None:
        since = func.least(last.sealed_at, func.app_now()) - timedelta(seconds=LONGEST_S)
        query = query.where(AuditEntry.at > since)
    return (await session.scalars(query.order_by(AuditEntry.id).limit(limit))).all()


async def list_seals(session: AsyncSession, agency_id: UUID, after: int, limit: int) -> list[Sealed]:
    query = select(AuditSeal).where(AuditSeal.agency_id == agency_id, AuditSeal.number > after)
    return [to_sealed(seal) for seal in await session.scalars(query.order_by(AuditSeal.number).limit(limit))]


async def list_places(session: AsyncSession, agency_id: UUID, head: Head) -> list[Place]:
    """What stands in the places of a seal, in their order."""
    query = (
        select(AuditPlace, AuditEntry)
        .outerjoin(AuditEntry, and_(AuditEntry.agency_id == AuditPlace.agency_id, AuditEntry.id == AuditPlace.entry_id))
        .where(
            AuditPlace.agency_id == agency_id,
            AuditPlace.place >= head.first_place,
            AuditPlace.place <= head.last_place,
        )
    )
    rows = await session.execute(query.order_by(AuditPlace.place))
    return [
        Place(row.AuditPlace.place, row.AuditPlace.entry_id, row.AuditPlace.leaf, to_entry(row.AuditEntry))
        for row in rows
    ]


async def find_orphans(session: AsyncSession, agency_id: UUID, after: UUID | None, limit: int) -> list[AuditEntry]:
    """Entries without a place, in the order of their ids."""
    placed = exists().where(AuditPlace.agency_id == AuditEntry.agency_id, AuditPlace.entry_id == AuditEntry.id)
    query = select(AuditEntry).where(AuditEntry.agency_id == agency_id, ~placed)
    if after is not None:
        query = query.where(AuditEntry.id > after)
    return list(await session.scalars(query.order_by(AuditEntry.id).limit(limit)))


def to_sealed(seal: AuditSeal) -> Sealed:
    head = Head(
        seal.agency_id, seal.number, seal.first_place, seal.last_place, seal.root, seal.previous, seal.sealed_at
    )
    return Sealed(head, seal.kid, seal.signature)


def to_entry(row: AuditEntry | None) -> Entry | None:
    if row is None:
        return None
    return Entry(row.id, row.at, row.actor, row.action, row.subject, row.client_id, row.details)
