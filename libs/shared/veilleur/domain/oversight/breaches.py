"""The ledger of broken promises, each with all that happened to its clock."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.models import Clock, ClockEvent
from veilleur.kernel.ids import show_id


async def list_breaches(
    session: AsyncSession, agency_id: UUID, client_id: UUID | None, limit: int, after: tuple[datetime, UUID] | None
) -> Sequence[Clock]:
    """`limit + 1` clocks, the last broken first."""
    query = select(Clock).where(Clock.agency_id == agency_id, Clock.breached_at.is_not(None))
    if client_id is not None:
        query = query.where(Clock.client_id == client_id)
    if after is not None:
        query = query.where(tuple_(Clock.breached_at, Clock.id) < after)
    return (await session.scalars(query.order_by(Clock.breached_at.desc(), Clock.id.desc()).limit(limit + 1))).all()


async def describe_breaches(session: AsyncSession, agency_id: UUID, clocks: Sequence[Clock]) -> list[dict[str, Any]]:
    """In one more statement, however many clocks."""
    query = select(ClockEvent).where(
        ClockEvent.agency_id == agency_id, ClockEvent.clock_id.in_([clock.id for clock in clocks])
    )
    chains: dict[UUID, list[dict[str, Any]]] = {clock.id: [] for clock in clocks}
    for event in await session.scalars(query.order_by(ClockEvent.occurred_at, ClockEvent.id)):
        chains[event.clock_id].append(
            {
                "type": event.type,
                "threshold": event.threshold or None,
                "details": event.details,
                "occurred_at": event.occurred_at,
                "detected_at": event.detected_at,
            }
        )
    return [_describe(clock) | {"events": chains[clock.id]} for clock in clocks]


def _describe(clock: Clock) -> dict[str, Any]:
    return {
        "id": show_id("clk", clock.id),
        "client": show_id("cli", clock.client_id),
        "item": show_id("itm", clock.item_id),
        "case": show_id("cas", clock.case_id),
        "metric": clock.metric,
        "class": clock.target_class,
        "priority": clock.facts.get("priority"),
        "state": clock.state,
        "excluded": clock.excluded,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "breached_at": clock.breached_at,
        "stopped_at": clock.stopped_at,
        "target_s": clock.target_s,
        "elapsed_s": clock.elapsed_s,
    }
