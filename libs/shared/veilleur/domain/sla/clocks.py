"""Clocks start at receipt and stop at the decision; a breach is stamped with the instant it was due."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import RowMapping, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.models import Clock, ClockEvent, ClockState
from veilleur.domain.sla.policy import Target
from veilleur.domain.sla.terms import Terms
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id

METRIC = "decision"
EventType = Literal["started", "breached", "met", "missed", "cancelled"]


@dataclass(frozen=True, slots=True)
class ClockStart:
    """A promise about one item that begins to count at `started_at`."""

    client_id: UUID
    item_id: UUID
    case_id: UUID
    terms: Terms
    target: Target
    started_at: datetime
    due_at: datetime


async def start_clocks(session: AsyncSession, agency_id: UUID, starts: Sequence[ClockStart], present: datetime) -> None:
    """Create running clocks; one that is already past due is breached at its due time, not at `present`."""
    if not starts:
        return
    cycles = await _count_cycles(session, agency_id, [start.item_id for start in starts])
    rows = [_clock_row(agency_id, start, cycles.get(start.item_id, 0) + 1, present) for start in starts]
    await insert_rows(session, Clock, rows)
    events = [_event_row(row, "started", row["started_at"]) for row in rows]
    events += [_event_row(row, "breached", row["due_at"]) for row in rows if row["breached_at"] is not None]
    await insert_rows(session, ClockEvent, events)
    for due_at in {start.due_at for start in starts if start.due_at >= present}:
        await hint_work(session, agency_id, "sla", due_at=due_at)


async def stop_clocks(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> None:
    """Stop the running clocks of decided items: met when `now <= due_at`, missed otherwise, a breach kept as it was."""
    await _end_clocks(session, agency_id, item_ids, cancelled=False)


async def cancel_clocks(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> None:
    """End the running clocks of items whose question went away (edited or withdrawn)."""
    await _end_clocks(session, agency_id, item_ids, cancelled=True)


async def breach_due_clocks(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Stamp up to `limit` running clocks whose deadline has passed; how many there were."""
    rows = (await session.execute(_BREACH, {"agency_id": agency_id, "wanted": limit})).mappings().all()
    await _add_events(session, [_event_row(row, "breached", row["due_at"]) for row in rows])
    return len(rows)


_BREACH = text("""
WITH chosen AS MATERIALIZED (
  SELECT id FROM sla_clocks
  WHERE agency_id = :agency_id AND state = 'running' AND next_event_at <= app_now()
  ORDER BY next_event_at LIMIT :wanted FOR UPDATE SKIP LOCKED)
UPDATE sla_clocks SET breached_at = due_at, next_event_at = NULL
FROM chosen WHERE sla_clocks.agency_id = :agency_id AND sla_clocks.id = chosen.id
RETURNING sla_clocks.agency_id, sla_clocks.id, sla_clocks.client_id, sla_clocks.due_at
""")

_STOP = text("""
UPDATE sla_clocks SET
  state = CASE WHEN :cancelled THEN 'cancelled' WHEN app_now() <= due_at THEN 'met' ELSE 'missed' END,
  breached_at = CASE WHEN NOT :cancelled AND app_now() > due_at THEN coalesce(breached_at, due_at) ELSE breached_at END,
  stopped_at = app_now(), next_event_at = NULL
WHERE agency_id = :agency_id AND item_id = ANY(CAST(:item_ids AS uuid[])) AND state = 'running'
RETURNING agency_id, id, client_id, state, due_at, breached_at, stopped_at
""")


async def _end_clocks(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID], *, cancelled: bool) -> None:
    values = {"agency_id": agency_id, "item_ids": sorted(item_ids), "cancelled": cancelled}
    rows = (await session.execute(_STOP, values)).mappings().all()
    events = [_event_row(row, row["state"], row["stopped_at"]) for row in rows]
    events += [_event_row(row, "breached", row["due_at"]) for row in rows if row["breached_at"] is not None]
    await _add_events(session, events)


async def _add_events(session: AsyncSession, events: list[dict[str, object]]) -> None:
    await insert_rows(session, ClockEvent, events, skip_known=True)


async def _count_cycles(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, int]:
    rows = await session.execute(
        select(Clock.item_id, Clock.cycle).where(
            Clock.agency_id == agency_id, Clock.item_id.in_(item_ids), Clock.metric == METRIC
        )
    )
    cycles: dict[UUID, int] = {}
    for item_id, cycle in rows:
        cycles[item_id] = max(cycle, cycles.get(item_id, 0))
    return cycles


def _clock_row(agency_id: UUID, start: ClockStart, cycle: int, present: datetime) -> dict[str, object]:
    late = start.due_at < present
    return {
        "agency_id": agency_id,
        "id": new_id(),
        "client_id": start.client_id,
        "item_id": start.item_id,
        "case_id": start.case_id,
        "metric": METRIC,
        "cycle": cycle,
        "state": ClockState.RUNNING,
        "policy_id": start.terms.policy_id,
        "calendar_id": start.terms.calendar_id,
        "target_class": start.target.target_class,
        "target_s": start.target.seconds,
        "business": start.target.business,
        "started_at": start.started_at,
        "due_at": start.due_at,
        "breached_at": start.due_at if late else None,
        "next_event_at": None if late else start.due_at,
    }


def _event_row(clock: dict[str, object] | RowMapping, event_type: EventType, occurred_at: object) -> dict[str, object]:
    return {
        "agency_id": clock["agency_id"],
        "id": new_id(),
        "clock_id": clock["id"],
        "client_id": clock["client_id"],
        "type": event_type,
        "occurred_at": occurred_at,
    }
