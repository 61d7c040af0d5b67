"""Writing down what came of attempts, many in one transaction: the deliveries, their log, the endpoints' health."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.delivery.attempt import Attempt
from veilleur.domain.delivery.backoff import ReplyOutcome, Result, next_attempt, read_outcome
from veilleur.domain.delivery.health import is_open, note_result, read_health
from veilleur.domain.delivery.watch import watch_endpoint
from veilleur.domain.outbox.models import Endpoint
from veilleur.infra.worklist import hint_work
from veilleur.kernel.clock import to_rfc3339

MOST_LOGGED = 50
"""Attempts in a delivery's log; of more, the latest."""
MOST_PULLED = 5_000

# Locked in the order of ids, as by those who take deliveries back.
_WRITE = text(f"""
WITH told AS (
  SELECT * FROM jsonb_to_recordset(CAST(CAST(:rows AS text) AS jsonb))
    AS t(id uuid, fence integer, state text, delay double precision, status integer, error text, entry jsonb)),
held AS (
  SELECT d.id FROM deliveries d JOIN told ON told.id = d.id AND told.fence = d.fence
  WHERE d.agency_id = :agency_id AND d.state = 'sending' ORDER BY d.id FOR UPDATE OF d)
UPDATE deliveries SET state = told.state, due_at = app_now() + make_interval(secs => told.delay),
  last_status = told.status, last_error = told.error,
  delivered_at = CASE WHEN told.state = 'delivered' THEN app_now() ELSE delivered_at END,
  log = CASE WHEN jsonb_array_length(log) < {MOST_LOGGED} THEN log ELSE log - 0 END || told.entry
FROM held JOIN told ON told.id = held.id
WHERE deliveries.agency_id = :agency_id AND deliveries.id = held.id
RETURNING deliveries.id, deliveries.state, deliveries.due_at
""")
_PULL = text("""
UPDATE deliveries SET due_at = app_now() WHERE agency_id = :agency_id AND id IN (
  SELECT id FROM deliveries
  WHERE agency_id = :agency_id AND endpoint_id = :endpoint_id AND state = 'pending' AND attempts > 0
    AND due_at > app_now()
  ORDER BY id LIMIT :wanted FOR UPDATE SKIP LOCKED)
""")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an attempt; `jitter` is the chance in its next delay, in [0, 1)."""

    attempt: Attempt
    result: Result
    jitter: float


async def finish_attempt(
    session: AsyncSession, agency_id: UUID, attempt: Attempt, result: Result, *, jitter: float
) -> str:
    """As `finish_attempts`, of one."""
    return (await finish_attempts(session, agency_id, [Outcome(attempt, result, jitter)]))[0]


async def finish_attempts(session: AsyncSession, agency_id: UUID, outcomes: Sequence[Outcome]) -> list[str]:
    """Record what came of each: `delivered`, `pending` until a later time, `dead`, or `stale`: the lease was lost."""
    present = (await session.execute(text("SELECT app_now()"))).scalar_one()
    endpoints = await _lock_concerned(session, agency_id, outcomes)
    rows = [_to_row(outcome, present) for outcome in outcomes]
    written = await session.execute(_WRITE, {"agency_id": agency_id, "rows": json.dumps(rows)})
    states: dict[UUID, str] = {}
    for row in written:
        states[row.id] = row.state
        if row.due_at is not None:
            await hint_work(session, agency_id, "delivery", due_at=row.due_at)
    counted = [outcome for outcome in outcomes if outcome.attempt.delivery_id in states]
    for endpoint in endpoints:
        await _note_health(session, endpoint, counted, present)
    return [states.get(outcome.attempt.delivery_id, "stale") for outcome in outcomes]


async def _lock_concerned(session: AsyncSession, agency_id: UUID, outcomes: Sequence[Outcome]) -> Sequence[Endpoint]:
    """Endpoints whose health may change: those that failed, now or before. Of the others nothing is written."""
    called = {outcome.attempt.endpoint_id for outcome in outcomes}
    failed = {one.attempt.endpoint_id for one in outcomes if read_outcome(one.result) is not ReplyOutcome.DELIVERED}
    unwell = (Endpoint.failures > 0) | Endpoint.pace_per_s.is_not(None)
    query = select(Endpoint).where(
        Endpoint.agency_id == agency_id, Endpoint.id.in_(called), Endpoint.id.in_(failed) | unwell
    )
    locked = await session.scalars(query.order_by(Endpoint.id).with_for_update(key_share=True))
    return locked.all()


def _to_row(outcome: Outcome, present: datetime) -> Mapping[str, Any]:
    state, delay = _judge(outcome, present)
    result = outcome.result
    entry = {
        "at": to_rfc3339(outcome.attempt.began_at),
        "status": result.status,
        "error": result.error,
        "took_ms": result.took_ms,
        "next_at": None if delay is None else to_rfc3339(present + delay),
    }
    return {
        "id": str(outcome.attempt.delivery_id),
        "fence": outcome.attempt.fence,
        "state": state,
        "delay": None if delay is None else delay.total_seconds(),
        "status": result.status,
        "error": result.error,
        "entry": entry,
    }


def _judge(outcome: Outcome, present: datetime) -> tuple[str, timedelta | None]:
    attempt, result = outcome.attempt, outcome.result
    meaning = read_outcome(result)
    if meaning is ReplyOutcome.DELIVERED:
        return "delivered", None
    if meaning is ReplyOutcome.REFUSED or result.permanent:
        return "dead", None
    since_first = present - attempt.first_attempt_at
    delay = next_attempt(attempt.attempts, since_first, jitter=outcome.jitter, retry_after_s=result.retry_after_s)
    return ("dead", None) if delay is None else ("pending", delay)


async def _note_health(
    session: AsyncSession, endpoint: Endpoint, outcomes: Collection[Outcome], present: datetime
) -> None:
    results = [one.result for one in outcomes if one.attempt.endpoint_id == endpoint.id]
    if not results or endpoint.disabled_at is not None:
        return
    before = read_health(endpoint)
    after = before
    for result in results:
        after = note_result(after, result, present)
    gone = any(read_outcome(result) is ReplyOutcome.REFUSED for result in results)
    if await watch_endpoint(session, endpoint, after, present, gone=gone):
        return
    if after.held_until is not None and after.held_until > present:
        await hint_work(session, endpoint.agency_id, "delivery", due_at=after.held_until)
    if is_open(before) and not after.failures:
        pulled = {"agency_id": endpoint.agency_id, "endpoint_id": endpoint.id, "wanted": MOST_PULLED}
        await session.execute(_PULL, pulled)
        await hint_work(session, endpoint.agency_id, "delivery")
