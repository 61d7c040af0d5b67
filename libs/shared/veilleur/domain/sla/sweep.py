"""What time alone makes happen to clocks: warnings and breaches, noticed by a sweep that touches only what is due.

The instants were worked out when the clock started, resumed or was retargeted: the sweep needs no calendar. However
late it comes, it stamps the instant at which the thing was due.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.announce import Noted
from veilleur.domain.sla.clock_rows import write_events
from veilleur.domain.sla.countdown import Happening
from veilleur.infra.worklist import hint_work

_SWEEP = text("""
WITH chosen AS MATERIALIZED (
  SELECT id, timers AS planned_timers, breached_at IS NULL AND due_at < app_now() AS breaches FROM sla_clocks
  WHERE agency_id = :agency_id AND state = 'running' AND next_event_at < app_now()
  ORDER BY next_event_at LIMIT :wanted FOR NO KEY UPDATE SKIP LOCKED),
planned AS (
  SELECT chosen.id AS clock_id, breaches,
         coalesce(jsonb_agg(one ORDER BY n) FILTER (WHERE at < app_now()), '[]') AS passed,
         coalesce(jsonb_agg(one ORDER BY n) FILTER (WHERE at >= app_now()), '[]') AS rest,
         min(at) FILTER (WHERE at >= app_now()) AS next_at
  FROM chosen
  LEFT JOIN LATERAL jsonb_array_elements(planned_timers) WITH ORDINALITY AS t(one, n) ON true
  LEFT JOIN LATERAL (SELECT (one->>'at')::timestamptz AS at) AS i ON true
  GROUP BY chosen.id, breaches)
UPDATE sla_clocks SET
  timers = rest,
  breached_at = CASE WHEN breaches THEN due_at ELSE breached_at END,
  next_event_at = CASE WHEN breaches OR breached_at IS NOT NULL THEN next_at ELSE least(next_at, due_at) END
FROM planned WHERE sla_clocks.agency_id = :agency_id AND sla_clocks.id = clock_id
RETURNING sla_clocks.id, client_id, item_id, metric, target_class, excluded, due_at, next_event_at, breaches, passed
""")


class Swept(NamedTuple):
    clocks: int
    breaches: int


async def sweep_due_clocks(session: AsyncSession, agency_id: UUID, limit: int) -> Swept:
    """Let up to `limit` running clocks whose next instant has passed catch up."""
    rows = (await session.execute(_SWEEP, {"agency_id": agency_id, "wanted": limit})).mappings().all()
    await write_events(session, agency_id, [one for row in rows for one in _list_noted(row)])
    for due_at in {row["next_event_at"] for row in rows} - {None}:
        await hint_work(session, agency_id, "sla", due_at=due_at)
    return Swept(len(rows), sum(row["breaches"] for row in rows))


def _list_noted(row: RowMapping) -> list[Noted]:
    happened = [Happening("warning", datetime.fromisoformat(one["at"]), one["threshold"]) for one in row["passed"]]
    if row["breaches"]:
        happened.append(Happening("breached", row["due_at"]))
    clock = {name: row[name] for name in ("client_id", "item_id", "metric", "target_class", "excluded", "due_at")}
    return [Noted(clock_id=row["id"], happening=one, **clock) for one in happened]
