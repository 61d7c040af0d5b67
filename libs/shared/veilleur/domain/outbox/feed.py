"""Reading the feed: a client's events in their order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.outbox.announce import KEPT_S
from veilleur.domain.outbox.models import Event


@dataclass(frozen=True, slots=True)
class FeedPage:
    """Events after a place, and the place to go on from: the last one seen, shown or passed over."""

    events: list[Event]
    position: int


async def read_feed(
    session: AsyncSession, agency_id: UUID, client_id: UUID, *, after: int, types: Sequence[str] | None, limit: int
) -> FeedPage:
    """Up to `limit` events of a client past `after`, of the types named or of all."""
    mine = (Event.agency_id == agency_id, Event.client_id == client_id, Event.sequence > after)
    kept = Event.occurred_at > func.app_now() - timedelta(seconds=KEPT_S)
    head = (await session.execute(select(func.max(Event.sequence)).where(*mine))).scalar_one() or after
    query = select(Event).where(*mine, Event.sequence <= head, kept, Event.body.is_not(None))
    if types:
        query = query.where(Event.type.in_(types))
    events = list(await session.scalars(query.order_by(Event.sequence).limit(limit)))
    full = len(events) == limit
    return FeedPage(events, events[-1].sequence or after if full else head)
