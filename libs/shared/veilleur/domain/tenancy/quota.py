"""How much may come in, and what is said when it is too much. Pure.

A day's or month's quota lets calls in until it is used up, so that the last one may go beyond it. How fast they may
come is in `purse`.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from uuid import UUID
from zoneinfo import ZoneInfo

LONGEST_WAIT_S = 60
JITTER = 0.25
"""Those who were told to wait do not come back all at once."""

Period = Literal["day", "month"]


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit."""

    items_per_s: int | None = None
    burst: int | None = None
    items_per_day: int | None = None
    items_per_month: int | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """Items of today and of this month."""

    day: int = 0
    month: int = 0

    def add(self, items: int) -> "Use":
        return Use(self.day + items, self.month + items)


NO_LIMITS = Limits()
NO_USE = Use()


def find_used_up(limits: Limits, use: Use) -> Period | None:
    """The quota that is used up, the longer one first."""
    if limits.items_per_month is not None and use.month >= limits.items_per_month:
        return "month"
    if limits.items_per_day is not None and use.day >= limits.items_per_day:
        return "day"
    return None


def find_today(now: datetime, zone: str) -> date:
    """The day it is in a zone."""
    return now.astimezone(ZoneInfo(zone)).date()


def find_period_end(period: Period, now: datetime, zone: str) -> datetime:
    """When the day or month of a zone is over."""
    today = find_today(now, zone)
    tomorrow, next_month = today + timedelta(days=1), (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return datetime.combine(tomorrow if period == "day" else next_month, time(), ZoneInfo(zone))


def find_backlog_wait(backlog: Mapping[UUID, int], client_id: UUID, cap: int) -> float:
    """For how many seconds a client waits whose own items wait already.

    Its own backlog counts, never another's; when the agency's is four times the cap, a client's share of it is its cap.
    """
    mine = backlog.get(client_id, 0)
    fair = cap if sum(backlog.values()) < 4 * cap else max(1, 4 * cap // max(1, len(backlog)))
    limit = min(cap, fair)
    return 0.0 if mine < limit else min(5.0 * mine / limit, float(LONGEST_WAIT_S))


def round_wait(seconds: float, chance: float) -> int:
    """Whole seconds of `Retry-After`; `chance` between 0 and 1 spreads them."""
    return max(1, math.ceil(seconds * (1 + JITTER * chance)))
