"""What time alone makes happen to clocks: warnings and breaches, noticed by a sweep that touches only what is due.

The instants were worked out when the clock started, resumed or was retargeted: the sweep needs no calendar. However
late it comes, it stamps the instant at which the thing was due. A batch is one statement; what happened to a clock
leaves the database only where somebody is to be told.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.announce import Noted, announce_sla
from veilleur.domain.sla.count import count_ended
from veilleur.domain.sla.countdown import Happening
from veilleur.infra.worklist import hint_work

# Ids begin with their instant, like all others: 48 bits of milliseconds, the version, and the rest of a random one.
_NEW_ID = """(lpad(to_hex((extract(epoch FROM app_now()) * 1000)::bigint), 12, '0') || '7'
  || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid"""

_SWEEP = text(f"""
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
  GROUP BY chosen.id, breaches),
swept AS (
  UPDATE sla_clocks SET
    timers = rest,
    breached_at = CASE WHEN breaches THEN due_at ELSE breached_at END,
    next_event_at = CASE WHEN breaches OR breached_at IS NOT NULL THEN next_at ELSE least(next_at, due_at) END
  FROM planned WHERE sla_clocks.agency_id = :agency_id AND sla_clocks.id = clock_id
  RETURNING sla_clocks.id, client_id, item_id, metric, excluded, due_at, breaches, passed),
happened AS (
  SELECT id, client_id, 'warning' AS type, one->>'threshold' AS threshold, (one->>'at')::timestamptz AS occurred_at
  FROM swept, jsonb_array_elements(passed) AS one
  UNION ALL
  SELECT id, client_id, 'breached', '', due_at FROM swept WHERE breaches),
kept AS (
  INSERT INTO sla_events (agency_id, id, clock_id, client_id, type, threshold, revision, details, occurred_at)
  SELECT :agency_id, {_NEW_ID}, id, client_id, type, threshold, 0, '{{}}', occurred_at FROM happened
  ON CONFLICT DO NOTHING),
heard AS (
  SELECT EXISTS (SELECT FROM endpoints WHERE agency_id = :agency_id AND client_id IS NULL AND disabled_at IS NULL)
    OR EXISTS (SELECT FROM clients WHERE agency_id = :agency_id AND share_sla) AS any)
SELECT count(*) AS clocks, count(*) FILTER (WHERE breaches) AS breaches,
       array_agg(id) FILTER (WHERE breaches) AS broken,
       coalesce(
         jsonb_agg(to_jsonb(swept)) FILTER (WHERE excluded IS NULL AND (SELECT heard.any FROM heard)), '[]') AS told
FROM swept
""").columns(told=JSONB)

_NEXT = text("""
SELECT min(next_event_at) FROM sla_clocks
WHERE agency_id = :agency_id AND state = 'running' AND next_event_at >= app_now()
""")


class Swept(NamedTuple):
    clocks: int
    breaches: int


async def sweep_due_clocks(session: AsyncSession, agency_id: UUID, limit: int) -> Swept:
    """Let up to `limit` running clocks whose next instant has passed catch up, and note when the next one is due.

    One hint is enough: whoever follows it notes the next. Who starts or moves a clock leaves a hint of its own.
    """
    row = (await session.execute(_SWEEP, {"agency_id": agency_id, "wanted": limit})).one()
    if row.broken:
        await count_ended(session, agency_id, row.broken)
    await announce_sla(session, agency_id, [one for clock in row.told for one in _list_noted(clock)])
    next_at = (await session.execute(_NEXT, {"agency_id": agency_id})).scalar_one()
    if next_at is not None:
        await hint_work(session, agency_id, "sla", due_at=next_at)
    return Swept(row.clocks, row.breaches)


def _list_noted(clock: Mapping[str, Any]) -> list[Noted]:
    due_at = datetime.fromisoformat(clock["due_at"])
    happened = [Happening("warning", datetime.fromisoformat(one["at"]), one["threshold"]) for one in clock["passed"]]
    if clock["breaches"]:
        happened.append(Happening("breached", due_at))
    client_id, item_id = UUID(clock["client_id"]), UUID(clock["item_id"])
    return [
        Noted(UUID(clock["id"]), client_id, item_id, clock["metric"], clock["excluded"], due_at, one)
        for one in happened
    ]
