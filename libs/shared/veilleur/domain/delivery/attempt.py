"""One attempt to deliver: `begin_attempts` leases, the worker sends, `finish_attempt` records.

`begin` and `finish` are short transactions; nothing is open while the network is awaited. A sender that vanishes
leaves a lease that ends; its fence keeps a late `finish` from overwriting the attempt that followed. The same
webhook-id and body go out at every attempt, so a receiver can tell a repetition.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.delivery.backoff import OVERLOADED, ReplyOutcome, judge_reply, next_attempt
from veilleur.domain.outbox.models import Delivery, EndpointSecret
from veilleur.infra.worklist import hint_work
from veilleur.kernel.messages import Language

LEASE_S = 30
ENDPOINT_LIMIT = 10
"""An endpoint that leaves so many calls unanswered gets no more until it has: the others need the connections."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A leased delivery with all that sending needs; secrets still sealed."""

    delivery_id: UUID
    fence: int
    attempts: int
    url: str
    event_id: UUID
    body: str
    endpoint_id: UUID
    sealed_secrets: tuple[bytes, ...]
    kind: str = "standard"
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt: an HTTP status, or the reason there was none."""

    status: int | None = None
    error: str | None = None
    permanent: bool = False
    retry_after_s: int | None = None


# Materialized: as a plain subquery a nested loop would run it again for every row and lease more than `wanted`.
_BEGIN = text(f"""
WITH chosen AS MATERIALIZED (
  SELECT id FROM deliveries WHERE agency_id = :agency_id AND due_at <= app_now()
    AND endpoint_id NOT IN (
      SELECT endpoint_id FROM deliveries WHERE agency_id = :agency_id AND state = 'sending' AND due_at > app_now()
      GROUP BY endpoint_id HAVING count(*) >= {ENDPOINT_LIMIT})
  ORDER BY due_at LIMIT :wanted FOR UPDATE SKIP LOCKED)
UPDATE deliveries SET state = 'sending', attempts = attempts + 1, fence = fence + 1,
  due_at = app_now() + interval '{LEASE_S} seconds'
FROM chosen, endpoints e, events v
WHERE deliveries.agency_id = :agency_id AND deliveries.id = chosen.id
  AND e.agency_id = deliveries.agency_id AND e.id = deliveries.endpoint_id
  AND v.agency_id = deliveries.agency_id AND v.id = deliveries.event_id
RETURNING deliveries.id, deliveries.fence, deliveries.attempts, deliveries.endpoint_id, e.url, e.kind, e.language,
  v.id AS event_id, v.body, deliveries.due_at
""")


async def begin_attempts(session: AsyncSession, agency_id: UUID, limit: int) -> list[Attempt]:
    """Lease up to `limit` deliveries that are due, those of vanished senders included."""
    rows = (await session.execute(_BEGIN, {"agency_id": agency_id, "wanted": limit})).all()
    if not rows:
        return []
    await hint_work(session, agency_id, "delivery", due_at=max(row.due_at for row in rows))
    secrets = await _load_secrets(session, agency_id, {row.endpoint_id for row in rows})
    return [
        Attempt(
            row.id,
            row.fence,
            row.attempts,
            row.url,
            row.event_id,
            row.body,
            row.endpoint_id,
            tuple(secrets.get(row.endpoint_id, ())),
            row.kind,
            row.language,
        )
        for row in rows
    ]


async def finish_attempt(
    session: AsyncSession, agency_id: UUID, attempt: Attempt, result: Result, *, jitter: float
) -> str:
    """Record the result: `delivered`, `pending` with a later due time, or `dead`; `stale` when the lease was lost."""
    values: dict[str, object] = {"last_status": result.status, "last_error": result.error}
    state, delay = _judge(attempt, result, jitter)
    values["state"] = state
    values["due_at"] = None if delay is None else func.app_now() + delay
    if state == "delivered":
        values["delivered_at"] = func.app_now()
    written = await session.execute(
        update(Delivery)
        .where(
            Delivery.agency_id == agency_id,
            Delivery.id == attempt.delivery_id,
            Delivery.fence == attempt.fence,
            Delivery.state == "sending",
        )
        .values(**values)
        .returning(Delivery.due_at)
    )
    row = written.one_or_none()
    if row is None:
        return "stale"
    if row.due_at is not None:
        await hint_work(session, agency_id, "delivery", due_at=row.due_at)
    return state


def _judge(attempt: Attempt, result: Result, jitter: float) -> tuple[str, timedelta | None]:
    outcome = ReplyOutcome.RETRY if result.status is None else judge_reply(result.status)
    if outcome is ReplyOutcome.DELIVERED:
        return "delivered", None
    if outcome is ReplyOutcome.REFUSED or result.permanent:
        return "dead", None
    delay = next_attempt(
        attempt.attempts,
        jitter=jitter,
        retry_after_s=result.retry_after_s,
        overloaded=result.status in OVERLOADED or result.error == "timeout",
    )
    return ("dead", None) if delay is None else ("pending", delay)


async def _load_secrets(session: AsyncSession, agency_id: UUID, endpoint_ids: set[UUID]) -> dict[UUID, list[bytes]]:
    query = select(EndpointSecret).where(
        EndpointSecret.agency_id == agency_id,
        EndpointSecret.endpoint_id.in_(endpoint_ids),
        (EndpointSecret.expires_at.is_(None)) | (EndpointSecret.expires_at > func.app_now()),
    )
    secrets: dict[UUID, list[bytes]] = {}
    for secret in await session.scalars(query.order_by(EndpointSecret.created_at.desc())):
        secrets.setdefault(secret.endpoint_id, []).append(secret.sealed)
    return secrets
