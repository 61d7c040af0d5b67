"""What is under a legal hold stays where those are who may see it."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.review.models import Case
from veilleur.domain.review.needs import QueueTerms
from veilleur.kernel.errors import Conflict
from veilleur.kernel.messages import msg


async def require_restricted(session: AsyncSession, case: Case, queue: QueueTerms) -> None:
    """`Conflict` (`under-hold`) when the case's item is under a hold and the queue is one that anybody may work."""
    if not queue.restricted and await is_held(session, case.agency_id, case.item_id):
        detail = msg("The item is under a legal hold: its case stays in a restricted queue until the hold is lifted")
        raise Conflict(detail, slug="under-hold")


async def is_held(session: AsyncSession, agency_id: UUID, item_id: UUID) -> bool:
    query = select(Item.hold_class).where(Item.agency_id == agency_id, Item.id == item_id)
    return (await session.scalars(query)).one() is not None
