"""How much of each client waits to be screened."""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item, ItemState


async def count_backlog(session: AsyncSession, agency_id: UUID, most: int) -> dict[UUID, int]:
    """Received items of each client that has any, over the oldest `most` of the agency's."""
    waiting = (
        select(Item.client_id)
        .where(Item.agency_id == agency_id, Item.state == ItemState.RECEIVED)
        .order_by(Item.asked_at)
        .limit(most)
        .subquery()
    )
    counted = select(waiting.c.client_id, func.count().label("waiting")).group_by(waiting.c.client_id)
    return {row.client_id: row.waiting for row in await session.execute(counted)}
