"""What time alone makes happen to clocks: warnings and breaches, noticed by a sweep that touches only what is due.

The instants were worked out when the clock started, resumed or was retargeted: the sweep needs no calendar. However
late it comes, it stamps the instant at which the thing was due.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.clock_rows import write_events
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id

_SWEEP = text("""
WITH chosen AS MATERIALIZED (
  SELECT id, timers, due_at, breached_at IS NULL AND due_at < app_now() AS breaches FROM sla_clocks
  WHERE agency_id = :agency_id AND state = 'running' AND next_event_at < app_now()
  ORDER BY next_event_at LIMIT :wanted FOR NO KEY UPDATE SKIP LOCKED),
planned AS (
  SELECT chosen.id, breaches,
         coalesce(jsonb_agg(one ORDER BY n) FILTER (WHERE at < app_now()), '[]') AS passed,
         coalesce(jsonb_agg(one ORDER BY n) FILTER (WHERE at >= app_now()), '[]') AS rest,
         min(at) FILTER (WHERE at >= app_now()) AS next_at
  FROM chosen
  LEFT JOIN LATERAL jsonb_array_elements(timers) WITH ORDINALITY AS t(one, n) ON true
  LEFT JOIN LATERAL (SELECT (one->>'at')::timestamptz AS at) AS i ON true
  GROUP BY chosen.id, breaches)
UPDATE sla_clocks SET
  timers = rest,
  breached_at = CASE WHEN breaches THEN due_at ELSE breached_at END,
  next_event_at = CASE WHEN breaches OR breached_at IS NOT NULL THEN next_at ELSE least(next_at, due_at) END
FROM planned WHERE sla_clocks.agency_id = :agency_id AND sla_clocks.id = planned.id
RETURNING sla_clocks.id, sla_clocks.client_id, sla_clocks.due_at, sla_clocks.next_event_at, breaches, passed
""")


async def sweep_due_clocks(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Let up to `limit` running clocks whose next instant has passed catch up; how many there were."""
    rows = (await session.execute(_SWEEP, {"agency_id": agency_id, "wanted": limit})).mappings().all()
    await write_events(session, agency_id, [event for row in rows for event in _list_events(row)])
    for due_at in {row["next_event_at"] for row in rows} - {None}:
        await hint_work(session, agency_id, "sla", due_at=due_at)
    return len(rows)


def _list_events(row: RowMapping) -> Sequence[dict[str, Any]]:
    events = [_event(row, "warning", datetime.fromisoformat(one["at"]), one["threshold"]) for one in row["passed"]]
    return [*events, _event(row, "breached", row["due_at"])] if row["breaches"] else events


def _event(row: RowMapping, event_type: str, occurred_at: datetime, threshold: str = "") -> dict[str, Any]:
    return {
        "id": new_id(),
        "clock_id": row["id"],
        "client_id": row["client_id"],
        "type": event_type,
        "threshold": threshold,
        "revision": 0,
        "details": {},
        "occurred_at": occurred_at,
    }
