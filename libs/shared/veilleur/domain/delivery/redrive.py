"""Sending again what did not arrive: one delivery, all since a time, or what was never on its way.

Id and body stay those of the event, so a receiver that had it after all can tell.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.outbox.models import Delivery, Endpoint, Event
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.errors import Conflict, Gone
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

MOST = 10_000
"""Deliveries of one call."""

_AGAIN = "state = 'pending', due_at = app_now(), attempts_before = attempts, first_attempt_at = NULL"
_REDELIVER = text(f"UPDATE deliveries SET {_AGAIN} WHERE agency_id = :agency_id AND id = :id")
_RECOVER = text(f"""
WITH chosen AS (
  SELECT d.id FROM deliveries d JOIN events v ON v.agency_id = d.agency_id AND v.id = d.event_id
  WHERE d.agency_id = :agency_id AND d.endpoint_id = :endpoint_id AND d.created_at >= :since
    AND (d.state = 'dead' OR d.state = 'pending' AND d.attempts > d.attempts_before)
    AND v.body IS NOT NULL AND (v.release_at IS NULL OR v.release_at <= app_now())
  ORDER BY d.number LIMIT :wanted FOR UPDATE OF d SKIP LOCKED)
UPDATE deliveries SET {_AGAIN} FROM chosen WHERE deliveries.agency_id = :agency_id AND deliveries.id = chosen.id
""")


@dataclass(frozen=True, slots=True)
class Redriven:
    """How many deliveries are on their way now, and whether there are more for another call."""

    count: int
    more: bool


async def redeliver(session: AsyncSession, delivery: Delivery, actor: str) -> Delivery:
    """Send one again, now, whatever became of it; its schedule starts over. Under way already: nothing changes."""
    mine = {"agency_id": delivery.agency_id, "id": delivery.id}
    endpoint = await session.get_one(Endpoint, (delivery.agency_id, delivery.endpoint_id))
    require_live(endpoint)
    event = await session.get_one(Event, (delivery.agency_id, delivery.event_id))
    await session.refresh(delivery, with_for_update=True)
    if event.body is None:
        raise Gone(msg("What this event said is not kept any more"))
    if event.release_at is not None and not await _is_past(session, event.release_at):
        raise Conflict(msg("This decision has not been told to anybody yet"), slug="not-yet")
    if delivery.state != "sending":
        await session.execute(_REDELIVER, mine)
        await hint_work(session, delivery.agency_id, "delivery")
        deed = Deed(actor, "delivery.redelivered", show_id("dlv", delivery.id), delivery.client_id)
        await record_deeds(session, delivery.agency_id, [deed])
    await session.refresh(delivery)
    return delivery


async def recover_endpoint(session: AsyncSession, endpoint: Endpoint, since: datetime, actor: str) -> Redriven:
    """Send again, now, what was made since `since` and was given up or waits after a failure, the oldest first.

    Whoever asks for it says that the receiver is back: it is tried at once.
    """
    require_live(endpoint)
    endpoint.held_until = None
    await session.flush()
    mine = {"agency_id": endpoint.agency_id, "endpoint_id": endpoint.id}
    recovered = await session.execute(_RECOVER, mine | {"since": since, "wanted": MOST})
    count: int = recovered.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every UPDATE
    await _note(session, endpoint, actor, "endpoint.recovered", {"since": to_rfc3339(since), "deliveries": count})
    return Redriven(count, count == MOST)


async def replay_missing(session: AsyncSession, endpoint: Endpoint, since: datetime, actor: str) -> Redriven:
    """Send what it wants and never was on its way to it: events from before it was, or while it was disabled."""
    require_live(endpoint)
    missing = await _list_missing(session, endpoint, since)
    rows = [{"id": new_id(), "event_id": event_id, "item_id": item_id} for event_id, item_id in missing]
    shared = {"agency_id": endpoint.agency_id, "client_id": endpoint.client_id, "endpoint_id": endpoint.id}
    await insert_rows(session, Delivery, rows, shared=shared, skip_known=True)
    await _note(session, endpoint, actor, "endpoint.replayed", {"since": to_rfc3339(since), "deliveries": len(rows)})
    return Redriven(len(rows), len(rows) == MOST)


def require_live(endpoint: Endpoint) -> None:
    if endpoint.disabled_at is not None:
        raise Conflict(msg("This endpoint is disabled"), slug="endpoint-disabled")


async def _list_missing(session: AsyncSession, endpoint: Endpoint, since: datetime) -> Sequence[tuple[UUID, Any]]:
    """In the order of the feed. A ping concerns the one endpoint it was made for."""
    delivered = select(Delivery.id).where(
        Delivery.agency_id == Event.agency_id, Delivery.event_id == Event.id, Delivery.endpoint_id == endpoint.id
    )
    query = select(Event.id, Event.item_id).where(
        Event.agency_id == endpoint.agency_id,
        Event.client_id.is_not_distinct_from(endpoint.client_id),
        Event.occurred_at >= since,
        Event.type != "ping",
        Event.body.is_not(None),
        or_(Event.release_at.is_(None), Event.release_at <= func.app_now()),
        ~delivered.exists(),
    )
    if endpoint.events:
        query = query.where(Event.type.in_(endpoint.events))
    rows = await session.execute(query.order_by(Event.sequence.nulls_last(), Event.id).limit(MOST))
    return [(row.id, row.item_id) for row in rows]


async def _note(session: AsyncSession, endpoint: Endpoint, actor: str, deed: str, details: dict[str, Any]) -> None:
    if details["deliveries"]:
        await hint_work(session, endpoint.agency_id, "delivery")
    done = Deed(actor, deed, show_id("end", endpoint.id), endpoint.client_id, details)
    await record_deeds(session, endpoint.agency_id, [done])


async def _is_past(session: AsyncSession, instant: datetime) -> bool:
    past: bool = (await session.execute(select(func.app_now() >= instant))).scalar_one()
    return past
