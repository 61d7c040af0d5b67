"""Until when platforms let anybody decide about items, for many at once."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.delivery.models import SourceActor
from veilleur.domain.intake.models import Item
from veilleur.domain.intake.sources.deadlines import Deadline, find_deadline
from veilleur.domain.tenancy.models import Source


async def load_deadlines(session: AsyncSession, agency_id: UUID, items: Collection[Item]) -> dict[UUID, Deadline]:
    """By item, where there is one. A source that brings another platform's content has that platform's."""
    if not items:
        return {}
    acted_on = (SourceActor.agency_id == Source.agency_id) & (SourceActor.source_id == Source.id)
    query = (
        select(Source.id, Source.kind, SourceActor.platform)
        .outerjoin(SourceActor, acted_on)
        .where(Source.agency_id == agency_id, Source.id.in_({item.source_id for item in items}))
    )
    kinds = {row.id: row.platform or row.kind for row in await session.execute(query)}
    found = {item.id: find_deadline(kinds[item.source_id], item.body, item.received_at) for item in items}
    return {item_id: deadline for item_id, deadline in found.items() if deadline is not None}
