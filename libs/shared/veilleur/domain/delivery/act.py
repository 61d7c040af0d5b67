"""One attempt to act on a platform: `begin_acts` leases, the worker calls, `finish_act` records.

One at a time for a source, and in order for an item. Whoever vanishes leaves a lease that ends: the operation is then
carried out once more, and the platform's "it is so already" counts as done.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.delivery.actions.protocol import Order, Outcome, Subject
from veilleur.domain.delivery.actions.registry import ACTORS
from veilleur.domain.delivery.backoff import next_attempt
from veilleur.domain.delivery.models import ActionState, PlatformAction, SourceActor
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import show_id

LEASE_S = 60


@dataclass(frozen=True, slots=True)
class Act:
    """A leased action with all that doing it needs; the credentials still sealed."""

    id: UUID
    client_id: UUID
    source_id: UUID
    fence: int
    attempts: int
    platform: str
    operation: str
    sealed: bytes
    order: Order
    age: timedelta
    """Since it was ordered."""


# A source is leased by a column of its own row: whoever waited for the lock sees it. An action waits for those that
# were ordered before it about the same item, if they are due or under way; one that is held back keeps nobody waiting.
_LEASE = text(f"""
WITH free AS MATERIALIZED (
  SELECT s.source_id FROM source_actors s
  WHERE s.agency_id = :agency_id AND s.mode <> 'callback' AND s.sealed IS NOT NULL
    AND (s.busy_until IS NULL OR s.busy_until <= app_now()) AND (s.quiet_until IS NULL OR s.quiet_until <= app_now())
    AND EXISTS (SELECT FROM platform_actions a
                WHERE a.agency_id = s.agency_id AND a.source_id = s.source_id AND a.due_at <= app_now())
  ORDER BY s.source_id LIMIT :wanted FOR UPDATE SKIP LOCKED)
UPDATE source_actors s SET busy_until = app_now() + interval '{LEASE_S} seconds'
FROM free WHERE s.agency_id = :agency_id AND s.source_id = free.source_id
RETURNING s.source_id
""")
_CHOOSE = text("""
  SELECT one.* FROM unnest(CAST(:sources AS uuid[])) AS t(source_id)
  CROSS JOIN LATERAL (
    SELECT a.id, a.item_id, a.target, a.platform, a.operation FROM platform_actions a
    WHERE a.agency_id = :agency_id AND a.source_id = t.source_id AND a.due_at <= app_now()
      AND NOT EXISTS (
        SELECT FROM platform_actions b
        WHERE b.agency_id = a.agency_id AND b.item_id = a.item_id AND b.due_at IS NOT NULL
          AND (b.created_at, b.position, b.id) < (a.created_at, a.position, a.id)
          AND (b.due_at <= app_now() OR b.attempts > 0))
    ORDER BY a.due_at, a.position, a.id LIMIT 1) AS one
""")
# Items before actions, as whoever decides about them: what was called off meanwhile is then left alone.
_LOCK_ITEMS = text(
    "SELECT id FROM items WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE"
)
_BEGIN = text(f"""
UPDATE platform_actions a SET state = 'sending', attempts = a.attempts + 1, fence = a.fence + 1,
  begun_at = coalesce(a.begun_at, app_now()),
  due_at = app_now() + interval '{LEASE_S} seconds'
FROM source_actors s, items i
WHERE a.agency_id = :agency_id AND a.id = ANY(CAST(:ids AS uuid[])) AND a.due_at <= app_now()
  AND s.agency_id = a.agency_id AND s.source_id = a.source_id AND i.agency_id = a.agency_id AND i.id = a.item_id
RETURNING a.id, a.client_id, a.source_id, a.item_id, a.decision_id, a.fence, a.attempts, a.platform, a.target,
  a.operation, a.until, a.due_at, a.begun_at, s.sealed, i.external_id, i.body, i.received_at, app_now() AS present
""")
_LOCK_SOURCE = text(
    "SELECT FROM source_actors WHERE agency_id = :agency_id AND source_id = :source_id FOR NO KEY UPDATE"
)
_NOTE_ACTING = text("""
UPDATE items SET acted_at = app_now(), removed_at = CASE WHEN t.removed THEN app_now() END
FROM unnest(CAST(:ids AS uuid[]), CAST(:removed AS boolean[])) AS t(id, removed)
WHERE items.agency_id = :agency_id AND items.id = t.id
""")
_SETTLE_WITHDRAWN = text("""
UPDATE platform_actions SET state = 'cancelled', due_at = NULL, reason = 'reversed', finished_at = app_now()
WHERE agency_id = :agency_id AND state = 'sending' AND withdrawn AND due_at <= app_now()
""")


async def begin_acts(session: AsyncSession, agency_id: UUID, limit: int) -> list[Act]:
    """Lease one due action of each of up to `limit` sources, those of vanished workers included."""
    await session.execute(_SETTLE_WITHDRAWN, {"agency_id": agency_id})
    sources = list(await session.scalars(_LEASE, {"agency_id": agency_id, "wanted": limit}))
    if not sources:
        return []
    chosen = (await session.execute(_CHOOSE, {"agency_id": agency_id, "sources": sources})).all()
    await session.execute(_LOCK_ITEMS, {"agency_id": agency_id, "ids": [one.item_id for one in chosen]})
    rows = (await session.execute(_BEGIN, {"agency_id": agency_id, "ids": [one.id for one in chosen]})).all()
    idle = set(sources) - {row.source_id for row in rows}
    if idle:
        await _free(session, agency_id, idle)
    if rows:
        await hint_work(session, agency_id, "action", due_at=max(row.due_at for row in rows))
        await _note_acting(session, agency_id, rows)
    return [_to_act(row) for row in rows]


async def finish_act(session: AsyncSession, agency_id: UUID, act: Act, outcome: Outcome, *, jitter: float) -> str:
    """Record what came of it; the action's state now, `stale` when the lease was lost meanwhile."""
    await session.execute(_LOCK_SOURCE, {"agency_id": agency_id, "source_id": act.source_id})
    mine = (PlatformAction.agency_id == agency_id, PlatformAction.id == act.id, PlatformAction.fence == act.fence)
    leased = update(PlatformAction).where(*mine, PlatformAction.state == ActionState.SENDING)
    values: dict[str, Any] = {"reason": outcome.reason, "last_status": outcome.status, "finished_at": func.app_now()}
    delay = None
    if outcome.state == "retry":
        delay = next_attempt(act.attempts, act.age, jitter=jitter, retry_after_s=outcome.after_s)
    if outcome.state != "retry":
        values |= {"state": outcome.state, "due_at": None}
    elif delay is None:
        values |= {"state": ActionState.DEAD, "due_at": None, "reason": "given_up"}
    else:
        values |= {"state": ActionState.PENDING, "due_at": func.app_now() + delay, "finished_at": None}
    written = (await session.execute(leased.values(**values).returning(PlatformAction.withdrawn))).one_or_none()
    if written is None:
        return "stale"
    if written.withdrawn and delay is not None:
        over = {"state": ActionState.CANCELLED, "due_at": None, "reason": "reversed", "finished_at": func.app_now()}
        await session.execute(update(PlatformAction).where(*mine).values(**over))
    await _note(session, agency_id, act, outcome)
    await hint_work(session, agency_id, "action")
    if delay is not None:
        await hint_work(session, agency_id, "action", in_s=max(1, round(delay.total_seconds()) + 1))
    return str(values["state"])


async def save_credentials(session: AsyncSession, agency_id: UUID, source_id: UUID, old: bytes, new: bytes) -> None:
    """Keep renewed credentials, unless others were given meanwhile."""
    mine = (SourceActor.agency_id == agency_id, SourceActor.source_id == source_id, SourceActor.sealed == old)
    await session.execute(update(SourceActor).where(*mine).values(sealed=new))


def actor_aad(agency_id: UUID, source_id: UUID) -> str:
    """What an actor's sealed credentials are bound to: they open nowhere else."""
    return f"{agency_id}|source_actors|{source_id}"


def _to_act(row: Row[Any]) -> Act:
    order = Order(_describe(row), row.present, row.until, show_id("dec", row.decision_id))
    age = row.present - row.begun_at
    return Act(
        id=row.id,
        client_id=row.client_id,
        source_id=row.source_id,
        fence=row.fence,
        attempts=row.attempts,
        platform=row.platform,
        operation=row.operation,
        sealed=row.sealed,
        order=order,
        age=age,
    )


def _describe(row: Row[Any]) -> Subject:
    body = row.body
    author, context = body.get("author") or {}, body.get("context") or {}
    created_at = body.get("created_at")
    return Subject(
        external_id=row.external_id,
        author=author.get("external_id"),
        author_name=author.get("display_name"),
        channel=context.get("channel"),
        thread=context.get("thread_id"),
        kind=body.get("kind", "other"),
        created_at=datetime.fromisoformat(created_at) if created_at else row.received_at,
        metadata=body.get("metadata") or {},
    )


async def _note_acting(session: AsyncSession, agency_id: UUID, rows: Sequence[Row[Any]]) -> None:
    """Before the call: the platform may tell us of our own doing before it has answered."""
    about = sorted((row.item_id, _removes(row)) for row in rows if row.target == "item")
    ids, removed = [item_id for item_id, _ in about], [gone for _, gone in about]
    await session.execute(_NOTE_ACTING, {"agency_id": agency_id, "ids": ids, "removed": removed})


def _removes(row: Row[Any]) -> bool:
    operation = ACTORS[row.platform].operations.get(row.operation)
    return operation is not None and operation.removes


async def _free(session: AsyncSession, agency_id: UUID, source_ids: set[UUID]) -> None:
    mine = (SourceActor.agency_id == agency_id, SourceActor.source_id.in_(source_ids))
    await session.execute(update(SourceActor).where(*mine).values(busy_until=None))


async def _note(session: AsyncSession, agency_id: UUID, act: Act, outcome: Outcome) -> None:
    """Free the source, keep what the owner should know, and leave the platform alone when it asked for that."""
    values: dict[str, Any] = {"busy_until": None}
    if outcome.state == "done":
        values |= {"last_done_at": func.app_now(), "last_error": None}
    elif outcome.reason in {"unauthorized", "forbidden", "no_token", "blocked"} or outcome.state == "retry":
        values |= {"last_error": outcome.reason, "last_failed_at": func.app_now()}
    if outcome.after_s is not None and outcome.reason == "rate_limited":
        values["quiet_until"] = func.app_now() + func.make_interval(0, 0, 0, 0, 0, 0, min(outcome.after_s, 3_600))
    mine = (SourceActor.agency_id == agency_id, SourceActor.source_id == act.source_id)
    await session.execute(update(SourceActor).where(*mine).values(**values))
