"""What is still unscreened past its target becomes a case, visibly late: nothing waits in silence."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item, ItemState
from veilleur.domain.review.open import Opening, open_cases, state_facts
from veilleur.domain.review.routing import UNSCREENED
from veilleur.domain.sla.terms import estimate_due, load_terms
from veilleur.infra.worklist import hint_work

LOOK_AGAIN_S = 60
BATCH = 500


async def raise_overdue(session: AsyncSession, agency_id: UUID) -> int:
    """Open a case for every received item whose deadline has passed unscreened; how many there were."""
    waiting = [Item.agency_id == agency_id, Item.state == ItemState.RECEIVED]
    present = (await session.execute(select(func.app_now()))).scalar_one()
    items = list(await session.scalars(select(Item).where(*waiting).order_by(Item.asked_at).limit(BATCH)))
    terms = await load_terms(session, agency_id, {item.client_id for item in items})

    def due_at(item: Item) -> datetime:
        facts = state_facts(item, priority="normal", queue=UNSCREENED)
        return estimate_due(terms[item.client_id], facts, item.asked_at)

    # Only what is late is locked: screening would pass over the rest as if somebody else had it in hand.
    late = [item.id for item in items if due_at(item) < present]
    query = select(Item).where(*waiting, Item.id.in_(late)).order_by(Item.id).with_for_update(skip_locked=True)
    overdue = [
        item
        for item in await session.scalars(query.execution_options(populate_existing=True))
        if due_at(item) < present
    ]
    openings = [Opening(item, "screening_overdue", queue=UNSCREENED) for item in overdue]
    await open_cases(session, agency_id, openings, present)
    if len(items) > len(overdue) or len(items) == BATCH:
        await hint_work(session, agency_id, "unscreened", in_s=LOOK_AGAIN_S)
    return len(overdue)
