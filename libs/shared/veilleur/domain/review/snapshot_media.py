"""Sealed snapshots of what cases are about: asked for when a case opens, fetched by the worker, gone after it.

`begin` leases and `finish` records, as with deliveries; nothing is open while the network is awaited. Moderators see
snapshots only, so that nobody's browser tells a platform who looks at what, and what was judged is what stays.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.intake.shape import media_id
from veilleur.domain.review.snapshot_models import MediaSnapshot, SnapshotState
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.worklist import hint_work

Variant = Literal["blur", "full"]

MOST_IMAGES = 10
"""Of one item; what comes after them is shown as an address."""
KEPT_DAYS = 7
"""After the case is closed: long enough for a correction."""
PAUSES = (timedelta(seconds=5), timedelta(seconds=60))
"""Before the second and the third try, which is the last."""
LEASE_S = 90


@dataclass(frozen=True, slots=True)
class Fetch:
    """A leased snapshot; `attempt` is its fence."""

    id: UUID
    client_id: UUID
    url: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """Both views, sealed."""

    full: bytes
    blurred: bytes


@dataclass(frozen=True, slots=True)
class Missed:
    """Why there is no picture, and whether that may change."""

    reason: str
    permanent: bool = False


# Of an item that is asked about again only what failed before is tried anew.
_REQUEST = text("""
INSERT INTO media_snapshots (agency_id, id, client_id, item_id, url, state, reason, attempts, due_at)
SELECT :agency_id, id, client_id, item_id, url, CASE WHEN reason IS NULL THEN 'pending' ELSE 'failed' END, reason, 0,
  CASE WHEN reason IS NULL THEN app_now() END
FROM unnest(CAST(:ids AS uuid[]), CAST(:clients AS uuid[]), CAST(:items AS uuid[]), CAST(:urls AS text[]),
            CAST(:reasons AS text[])) AS t(id, client_id, item_id, url, reason)
ORDER BY id
ON CONFLICT (agency_id, id) DO UPDATE SET state = excluded.state, reason = excluded.reason, attempts = 0,
  due_at = excluded.due_at WHERE media_snapshots.state = 'failed'
""")

_GIVE_UP = text("""
UPDATE media_snapshots SET state = 'failed', reason = 'unreadable', due_at = NULL
WHERE agency_id = :agency_id AND due_at <= app_now() AND attempts > :most
""")

# Materialized: as a plain subquery a nested loop would run it again for every row and lease more than `wanted`.
_BEGIN = text(f"""
WITH chosen AS MATERIALIZED (
  SELECT id FROM media_snapshots WHERE agency_id = :agency_id AND due_at <= app_now()
  ORDER BY due_at LIMIT :wanted FOR UPDATE SKIP LOCKED)
UPDATE media_snapshots SET attempts = attempts + 1, due_at = app_now() + interval '{LEASE_S} seconds'
FROM chosen WHERE media_snapshots.agency_id = :agency_id AND media_snapshots.id = chosen.id
RETURNING media_snapshots.id, client_id, url, attempts, due_at
""")

_DROP = text(f"""
DELETE FROM media_snapshots WHERE agency_id = :agency_id AND id IN (
  SELECT s.id FROM media_snapshots s JOIN items i ON i.agency_id = s.agency_id AND i.id = s.item_id
  WHERE s.agency_id = :agency_id AND i.hold_class IS NULL
    AND coalesce(i.closed_at, i.received_at) < app_now() - interval '{KEPT_DAYS} days'
    AND NOT EXISTS (SELECT FROM cases c WHERE c.agency_id = i.agency_id AND c.item_id = i.id AND c.closed_at IS NULL)
  LIMIT :wanted)
""")


async def request_snapshots(session: AsyncSession, agency_id: UUID, items: Sequence[Item]) -> None:
    """Have the media of these items fetched; what is there already stays."""
    rows = {row["id"]: row for item in items for row in _list_media(item)}
    if not rows:
        return
    columns = {"ids": "id", "clients": "client_id", "items": "item_id", "urls": "url", "reasons": "reason"}
    values = {many: [row[one] for row in rows.values()] for many, one in columns.items()}
    await session.execute(_REQUEST, {"agency_id": agency_id} | values)
    await hint_work(session, agency_id, "media")


async def begin_fetches(session: AsyncSession, agency_id: UUID, limit: int) -> list[Fetch]:
    """Lease up to `limit` snapshots that are due. One whose reading ended its worker time and again is given up."""
    await session.execute(_GIVE_UP, {"agency_id": agency_id, "most": len(PAUSES)})
    rows = (await session.execute(_BEGIN, {"agency_id": agency_id, "wanted": limit})).all()
    if rows:
        await hint_work(session, agency_id, "media", due_at=max(row.due_at for row in rows))
    return [Fetch(row.id, row.client_id, row.url, row.attempts) for row in rows]


async def finish_fetch(session: AsyncSession, agency_id: UUID, fetch: Fetch, result: Fetched | Missed) -> None:
    """Record what came of it; who has lost the lease meanwhile records nothing."""
    values: dict[str, Any]
    if isinstance(result, Fetched):
        values = {"full_view": result.full, "blurred_view": result.blurred, "fetched_at": func.app_now()}
        values |= {"state": SnapshotState.READY, "reason": None, "due_at": None}
        await hint_work(session, agency_id, "retention", in_s=(KEPT_DAYS + 1) * 86_400, daily=True)
    elif result.permanent or fetch.attempt > len(PAUSES):
        values = {"state": SnapshotState.FAILED, "reason": result.reason, "due_at": None}
    else:
        pause = PAUSES[fetch.attempt - 1]
        values = {"reason": result.reason, "due_at": func.app_now() + pause}
        await hint_work(session, agency_id, "media", in_s=int(pause.total_seconds()))
    mine = (MediaSnapshot.agency_id == agency_id, MediaSnapshot.id == fetch.id)
    leased = (MediaSnapshot.attempts == fetch.attempt, MediaSnapshot.state == SnapshotState.PENDING)
    await session.execute(update(MediaSnapshot).where(*mine, *leased).values(values))


async def drop_old_snapshots(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Delete up to `limit` snapshots that nobody decides about any more; how many. A legal hold keeps them."""
    dropped = await session.execute(_DROP, {"agency_id": agency_id, "wanted": limit})
    count: int = dropped.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every DELETE
    left = select(MediaSnapshot.id).where(MediaSnapshot.agency_id == agency_id).limit(1)
    if count < limit and (await session.scalars(left)).one_or_none() is not None:
        await hint_work(session, agency_id, "retention", in_s=86_400, daily=True)
    return count


def seal_views(sealer: Sealer, agency_id: UUID, snapshot_id: UUID, full: bytes, blurred: bytes) -> Fetched:
    return Fetched(
        sealer.seal(full, place_view(agency_id, snapshot_id, "full")),
        sealer.seal(blurred, place_view(agency_id, snapshot_id, "blur")),
    )


def place_view(agency_id: UUID, snapshot_id: UUID, variant: Variant) -> str:
    """Where a sealed view opens, and nowhere else."""
    column = "full_view" if variant == "full" else "blurred_view"
    return f"{agency_id}|media_snapshots|{column}|{snapshot_id}"


def _list_media(item: Item) -> list[dict[str, Any]]:
    """A row for each medium, those too that no picture is made of: whoever asks is told why."""
    rows: list[dict[str, Any]] = []
    images = 0
    for medium in item.body.get("media") or []:
        is_image = medium.get("type", "image") == "image"
        images += is_image
        reason = "not_an_image" if not is_image else "too_many" if images > MOST_IMAGES else None
        named = {"id": media_id(item.id, medium["url"]), "client_id": item.client_id, "item_id": item.id}
        rows.append(named | {"url": medium["url"], "reason": reason})
    return rows
