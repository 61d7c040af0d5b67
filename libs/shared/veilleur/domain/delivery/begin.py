"""Taking deliveries in hand: which endpoints may be called now, how often, and with what.

Endpoints are locked before their deliveries are chosen, in the order of their ids, by whoever begins and by whoever
records a failure: concurrency, pace and breaker hold for all workers together.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.delivery.attempt import LEASE_S, Attempt
from veilleur.domain.delivery.health import BURST_S, Health, Limits, count_permitted, find_rate, pay_calls
from veilleur.domain.outbox.models import EndpointSecret
from veilleur.infra.worklist import hint_work

# What concerns one item goes out in order: a later event waits until the earlier one is delivered or given up.
_IN_ORDER = """
NOT EXISTS (
  SELECT FROM deliveries earlier
  WHERE earlier.agency_id = d.agency_id AND earlier.endpoint_id = d.endpoint_id AND earlier.item_id = d.item_id
    AND earlier.number < d.number AND earlier.due_at IS NOT NULL)
"""
# Those whose work has waited longest. What this first look lets through is judged again under the lock.
_LOCK = text(f"""
WITH waiting AS (
  SELECT e.id FROM endpoints e
  CROSS JOIN LATERAL (
    SELECT d.due_at FROM deliveries d
    WHERE d.agency_id = e.agency_id AND d.endpoint_id = e.id AND d.due_at <= app_now() AND {_IN_ORDER}
    ORDER BY d.due_at LIMIT 1) AS oldest
  WHERE e.agency_id = :agency_id AND e.disabled_at IS NULL AND (e.held_until IS NULL OR e.held_until <= app_now())
    AND (e.paid_until IS NULL OR least(e.pace_per_s, e.rate_per_s) IS NULL OR e.paid_until <= app_now()
         + make_interval(secs => greatest({BURST_S} - 1 / least(e.pace_per_s, e.rate_per_s), 0)))
    AND (SELECT count(*) FROM deliveries s WHERE s.agency_id = e.agency_id AND s.endpoint_id = e.id
         AND s.state = 'sending' AND s.due_at > app_now()) < e.concurrency
  ORDER BY oldest.due_at LIMIT :wanted)
SELECT e.id, e.concurrency, e.rate_per_s, e.pace_per_s, e.paid_until, e.held_until, e.failures, app_now() AS present
FROM endpoints e
WHERE e.agency_id = :agency_id AND e.id IN (SELECT id FROM waiting) AND e.disabled_at IS NULL
ORDER BY e.id FOR NO KEY UPDATE OF e
""")
# A statement of its own: it sees what others had leased before they let go of the lock.
_COUNT_IN_AIR = text("""
SELECT endpoint_id, count(*) AS calls FROM deliveries
WHERE agency_id = :agency_id AND endpoint_id = ANY(CAST(:ids AS uuid[])) AND state = 'sending' AND due_at > app_now()
GROUP BY 1
""")
# Materialized: as a plain subquery a nested loop would run it again for every row and lease more than `room`.
_BEGIN = text(f"""
WITH chosen AS MATERIALIZED (
  SELECT picked.id FROM unnest(CAST(:ids AS uuid[]), CAST(:rooms AS integer[])) AS t(endpoint_id, room)
  CROSS JOIN LATERAL (
    SELECT d.id FROM deliveries d
    WHERE d.agency_id = :agency_id AND d.endpoint_id = t.endpoint_id AND d.due_at <= app_now()
      AND {_IN_ORDER}
    ORDER BY d.due_at LIMIT t.room FOR UPDATE SKIP LOCKED) AS picked)
UPDATE deliveries SET state = 'sending', attempts = attempts + 1, fence = fence + 1,
  first_attempt_at = coalesce(first_attempt_at, app_now()), due_at = app_now() + interval '{LEASE_S} seconds'
FROM chosen, endpoints e, events v
WHERE deliveries.agency_id = :agency_id AND deliveries.id = chosen.id
  AND e.agency_id = deliveries.agency_id AND e.id = deliveries.endpoint_id
  AND v.agency_id = deliveries.agency_id AND v.id = deliveries.event_id
RETURNING deliveries.id, deliveries.fence, deliveries.attempts - deliveries.attempts_before AS attempts,
  deliveries.first_attempt_at, deliveries.endpoint_id, e.url, e.sealed_url, e.kind, e.language, v.id AS event_id,
  v.body, deliveries.due_at, app_now() AS present,
  (SELECT i.traceparent FROM items i WHERE i.agency_id = v.agency_id AND i.id = v.item_id) AS traceparent
""")
_PAY = text("UPDATE endpoints SET paid_until = :until WHERE agency_id = :agency_id AND id = :id")


@dataclass(frozen=True, slots=True)
class _Line:
    """A locked endpoint and how many calls to it may begin."""

    id: UUID
    health: Health
    limits: Limits
    paid_until: datetime | None
    room: int


async def begin_attempts(session: AsyncSession, agency_id: UUID, limit: int) -> list[Attempt]:
    """Lease up to `limit` deliveries that are due, those of vanished senders included."""
    mine = {"agency_id": agency_id}
    locked = (await session.execute(_LOCK, mine | {"wanted": limit})).all()
    if not locked:
        return []
    present: datetime = locked[0].present
    in_air = await session.execute(_COUNT_IN_AIR, mine | {"ids": [row.id for row in locked]})
    counts = {row.endpoint_id: row.calls for row in in_air}
    lines = _share_out([_judge(row, counts.get(row.id, 0)) for row in locked], limit)
    if not lines:
        return []
    asked = {"ids": [line.id for line in lines], "rooms": [line.room for line in lines]}
    rows = (await session.execute(_BEGIN, mine | asked)).all()
    await _pay(session, agency_id, lines, [row.endpoint_id for row in rows], present)
    if not rows:
        return []
    await hint_work(session, agency_id, "delivery", due_at=max(row.due_at for row in rows))
    secrets = await _load_secrets(session, agency_id, {row.endpoint_id for row in rows})
    return [_to_attempt(row, secrets.get(row.endpoint_id, ())) for row in rows]


def _judge(row: Row[Any], in_air: int) -> _Line:
    health = Health(failures=row.failures, held_until=row.held_until, pace_per_s=row.pace_per_s)
    limits = Limits(row.concurrency, row.rate_per_s)
    room = count_permitted(health, limits, in_air, row.paid_until, row.present)
    return _Line(row.id, health, limits, row.paid_until, room)


def _share_out(lines: Sequence[_Line], limit: int) -> list[_Line]:
    """Equal parts, so that one endpoint's backlog does not fill a batch; who needs more comes again at once."""
    ready = [line for line in lines if line.room > 0]
    part = max(1, limit // max(1, len(ready)))
    return [_Line(one.id, one.health, one.limits, one.paid_until, min(one.room, part)) for one in ready]


async def _pay(
    session: AsyncSession, agency_id: UUID, lines: Sequence[_Line], called: Sequence[UUID], present: datetime
) -> None:
    for line in lines:
        until = pay_calls(line.health, line.limits, line.paid_until, called.count(line.id), present)
        if until is not None:
            await session.execute(_PAY, {"agency_id": agency_id, "id": line.id, "until": until})
            rate = find_rate(line.health, line.limits) or 1.0
            await hint_work(session, agency_id, "delivery", in_s=max(1, round(1 / rate)))


def _to_attempt(row: Row[Any], secrets: Sequence[bytes]) -> Attempt:
    return Attempt(
        delivery_id=row.id,
        fence=row.fence,
        attempts=row.attempts,
        began_at=row.present,
        first_attempt_at=row.first_attempt_at,
        url=row.url,
        event_id=row.event_id,
        body=row.body,
        endpoint_id=row.endpoint_id,
        sealed_secrets=tuple(secrets),
        kind=row.kind,
        language=row.language,
        sealed_url=row.sealed_url,
        traceparent=row.traceparent,
    )


async def _load_secrets(session: AsyncSession, agency_id: UUID, endpoint_ids: set[UUID]) -> dict[UUID, list[bytes]]:
    query = select(EndpointSecret.endpoint_id, EndpointSecret.sealed).where(
        EndpointSecret.agency_id == agency_id,
        EndpointSecret.endpoint_id.in_(endpoint_ids),
        (EndpointSecret.expires_at.is_(None)) | (EndpointSecret.expires_at > func.app_now()),
    )
    secrets: dict[UUID, list[bytes]] = {}
    for row in await session.execute(query.order_by(EndpointSecret.created_at.desc())):
        secrets.setdefault(row.endpoint_id, []).append(row.sealed)
    return secrets
