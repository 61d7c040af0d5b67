"""Counting what every source sends, hour by hour: each whole hour once, soon after its end."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.oversight.models import SourceHour, Watch
from veilleur.domain.oversight.outlook import floor_id
from veilleur.domain.oversight.silence import WEEKS

HOUR = timedelta(hours=1)
HISTORY = timedelta(weeks=WEEKS)
SKEW = timedelta(minutes=15)
"""How far the clocks that ids are made by may be off; an hour is counted when it is over for all of them."""
AT_ONCE = timedelta(days=1)
"""How much is counted in one transaction: an agency that has stood for long is caught up with day by day."""


@dataclass(slots=True)
class Past:
    """What one source has sent: items by whole hour of UTC, and when the last of them came."""

    hours: dict[datetime, int] = field(default_factory=dict)
    last_at: datetime | None = None


# Ids begin with their instant, so a stretch of time is a stretch of the primary key.
_COUNT = text("""
INSERT INTO source_hours (agency_id, source_id, hour, items, last_at)
SELECT agency_id, source_id, date_trunc('hour', received_at, 'UTC'), count(*), max(received_at) FROM items
WHERE agency_id = :agency_id AND id >= :floor AND id < :ceiling AND received_at >= :start AND received_at < :past
  AND mode <> 'test'
GROUP BY 1, 2, 3 ON CONFLICT DO NOTHING
""")
_LAST = text("""
SELECT s.source_id, i.received_at FROM unnest(CAST(:sources AS uuid[])) AS s(source_id) CROSS JOIN LATERAL (
  SELECT received_at FROM items WHERE agency_id = :agency_id AND source_id = s.source_id AND id >= :floor
    AND mode <> 'test'
  ORDER BY id DESC LIMIT 1) AS i
""")


async def tally_hours(session: AsyncSession, agency_id: UUID) -> bool:
    """Count the hours that are over and not counted yet, a day of them at most; whether there may be more."""
    query = select(Watch.counted_to, func.app_now().label("present")).where(Watch.agency_id == agency_id)
    watch = (await session.execute(query.with_for_update(key_share=True))).one()
    end = _floor_hour(watch.present - SKEW)
    start = watch.counted_to or await _find_first(session, agency_id)
    if start is None or start >= end:
        return False
    start = max(start, end - HISTORY)
    past = min(start + AT_ONCE, end)
    values = {"agency_id": agency_id, "start": start, "past": past}
    await session.execute(_COUNT, values | {"floor": floor_id(start - SKEW), "ceiling": floor_id(past + SKEW)})
    await session.execute(update(Watch).where(Watch.agency_id == agency_id).values(counted_to=past))
    await session.execute(
        delete(SourceHour).where(SourceHour.agency_id == agency_id, SourceHour.hour < end - HISTORY - AT_ONCE)
    )
    return past < end


async def load_past(session: AsyncSession, agency_id: UUID, present: datetime) -> dict[UUID, Past]:
    """What every source has sent in the weeks that make what is usual."""
    query = select(SourceHour.source_id, SourceHour.hour, SourceHour.items, SourceHour.last_at).where(
        SourceHour.agency_id == agency_id, SourceHour.hour >= present - HISTORY - HOUR
    )
    found: dict[UUID, Past] = {}
    for row in await session.execute(query.order_by(SourceHour.hour)):
        past = found.setdefault(row.source_id, Past())
        past.hours[row.hour] = row.items
        past.last_at = row.last_at
    return found


async def load_last(session: AsyncSession, agency_id: UUID, since: Mapping[UUID, datetime]) -> dict[UUID, datetime]:
    """When sources last sent something, if that was after the instant given for each."""
    if not since:
        return {}
    values: dict[str, Any] = {"agency_id": agency_id, "sources": list(since)}
    rows = await session.execute(_LAST, values | {"floor": floor_id(min(since.values()) - SKEW)})
    return {row.source_id: row.received_at for row in rows}


def _floor_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0)


async def _find_first(session: AsyncSession, agency_id: UUID) -> datetime | None:
    """The hour of the first item there is."""
    query = select(Item.received_at).where(Item.agency_id == agency_id).order_by(Item.id).limit(1)
    received_at = (await session.scalars(query)).one_or_none()
    return None if received_at is None else _floor_hour(received_at)
