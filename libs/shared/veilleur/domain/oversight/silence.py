"""When a source that usually speaks has gone silent; pure.

What is usual is the hour of the week, in the client's own zone: a forum sleeps at night and a shop on Sundays. The
number of items in an hour is taken as Poisson: silence is an alarm when so long a silence would come about by chance
less than once in a thousand times.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import exp
from statistics import median
from zoneinfo import ZoneInfo

CHANCE = 0.001
WEEKS = 4
"""Weeks of history that make what is usual; fewer than two are none."""

HourOfWeek = tuple[int, int]


def usual_traffic(counts: Sequence[Mapping[HourOfWeek, int]]) -> dict[HourOfWeek, float]:
    """Items usual in each hour of the week, `(weekday, hour)`: the median of the weeks, so that one flood or one outage
    does not count. `counts` is one mapping a week; an hour that is missing had none.
    """
    if len(counts) < 2:
        return {}
    hours = {hour for week in counts for hour in week}
    return {hour: float(median(week.get(hour, 0) for week in counts)) for hour in hours}


def expected_items(usual: Mapping[HourOfWeek, float], since: datetime, until: datetime, zone: ZoneInfo) -> float:
    """Items usually received in `[since, until)`."""
    expected = 0.0
    start = since
    while start < until:
        stop = min(_next_hour(start), until)
        local = start.astimezone(zone)
        expected += usual.get((local.weekday(), local.hour), 0.0) * ((stop - start) / timedelta(hours=1))
        start = stop
    return expected


def is_silent(usual: Mapping[HourOfWeek, float], last_item_at: datetime, now: datetime, zone: ZoneInfo) -> bool:
    """Whether nothing since `last_item_at` is too improbable to be chance."""
    return exp(-expected_items(usual, last_item_at, now, zone)) < CHANCE


def _next_hour(instant: datetime) -> datetime:
    return instant.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
