"""Promises kept and broken, counted: by client, metric, class, priority and day.

A clock counts on the day it was broken, or else on the day it was met; one that is late and still runs is broken
already. What is not owed (`excluded`) is counted apart and enters no percentage.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Date, and_, cast, func, or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.models import Clock, ClockState

GroupKey = Literal["client", "metric", "class", "priority", "day"]
GROUP_KEYS: tuple[GroupKey, ...] = ("client", "metric", "class", "priority", "day")
EXCLUSIONS = ("over_volume", "client_down", "waived")


@dataclass(frozen=True, slots=True)
class Stretch:
    """`[start, past)`; days are those of `zone`."""

    start: datetime
    past: datetime
    zone: str
    client_id: UUID | None = None


async def count_compliance(
    session: AsyncSession, agency_id: UUID, stretch: Stretch, group_by: Sequence[GroupKey]
) -> list[dict[str, Any]]:
    """One row a group in the order of its keys; seconds are in the time the promise counts in."""
    keys = [_column(key, stretch.zone).label(key) for key in group_by]
    owed, broken = Clock.excluded.is_(None), Clock.breached_at.is_not(None)
    spent = func.percentile_cont(array([0.5, 0.9]))
    figures = [
        func.count().filter(owed, ~broken).label("met"),
        func.count().filter(owed, broken).label("missed"),
        spent.within_group(Clock.elapsed_s).filter(owed).label("spent"),
        *(func.count().filter(Clock.excluded == why).label(why) for why in EXCLUSIONS),
    ]
    query = select(*keys, *figures).where(Clock.agency_id == agency_id, _within(stretch))
    if stretch.client_id is not None:
        query = query.where(Clock.client_id == stretch.client_id)
    rows = await session.execute(query.group_by(*keys).order_by(*keys))
    return [_describe(dict(row), group_by) for row in rows.mappings()]


def share_percent(met: int, missed: int) -> float | None:
    """In percent with one decimal, cut and not rounded: 100 is said only of a promise never broken."""
    total = met + missed
    return None if total == 0 else met * 1_000 // total / 10


def _column(key: GroupKey, zone: str) -> ColumnElement[Any]:
    day = cast(func.timezone(zone, func.coalesce(Clock.breached_at, Clock.stopped_at)), Date)
    columns: dict[GroupKey, Any] = {
        "client": Clock.client_id,
        "metric": Clock.metric,
        "class": Clock.target_class,
        "priority": Clock.facts["priority"].astext,
        "day": day,
    }
    column: ColumnElement[Any] = columns[key]
    return column


def _within(stretch: Stretch) -> ColumnElement[bool]:
    """In a shape of which each half has its index."""
    return or_(
        and_(Clock.breached_at >= stretch.start, Clock.breached_at < stretch.past),
        and_(
            Clock.stopped_at >= stretch.start,
            Clock.stopped_at < stretch.past,
            Clock.breached_at.is_(None),
            Clock.state == ClockState.MET,
        ),
    )


def _describe(row: dict[str, Any], group_by: Sequence[GroupKey]) -> dict[str, Any]:
    p50, p90 = row["spent"] or (None, None)
    return {key: row[key] for key in group_by} | {
        "met": row["met"],
        "missed": row["missed"],
        "percent": share_percent(row["met"], row["missed"]),
        "p50_s": p50,
        "p90_s": p90,
        "excluded": {why: row[why] for why in EXCLUSIONS},
    }
