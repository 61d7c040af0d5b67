"""The billing periods of a contract; pure.

Whole periods are cut by the plan (`billing.period`); a contract that begins or ends inside one has a part of it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from veilleur.domain.billing.period import Interval, Period, period_of

FAR = date(2200, 1, 1)


@dataclass(frozen=True, slots=True)
class Schedule:
    """`anchor_day` 1–31 is the day of the month on which periods turn; None: with the calendar."""

    interval: Interval
    starts_on: date
    ends_on: date | None = None
    anchor_day: int | None = None


def whole_period_at(schedule: Schedule, day: date) -> Period:
    """The whole period around `day`, whether the contract holds in all of it or not."""
    if schedule.anchor_day is None:
        return period_of(day, schedule.interval)
    return period_of(day, schedule.interval, schedule.starts_on.replace(day=1), schedule.anchor_day)


def period_at(schedule: Schedule, day: date) -> Period | None:
    """What is billed with `day`: the whole period, or the contract's part of it; None outside the contract."""
    past = schedule.ends_on or FAR
    if not schedule.starts_on <= day < past:
        return None
    whole = whole_period_at(schedule, day)
    return Period(max(whole.first, schedule.starts_on), min(whole.past, past))


def list_periods(schedule: Schedule, past: date) -> Iterator[Period]:
    """From the contract's first day on, as long as they begin before `past`."""
    day = schedule.starts_on
    while day < past and (period := period_at(schedule, day)) is not None:
        yield period
        day = period.past


def share_of_period(schedule: Schedule, period: Period) -> Fraction:
    """1 for a whole period, days over days for a part."""
    return Fraction(period.days, whole_period_at(schedule, period.first).days)


def find_by_month(schedule: Schedule, month: date) -> list[Period]:
    """Those that begin in the month; if none does, the one that covers its first day."""
    following = (month.replace(day=28) + timedelta(days=7)).replace(day=1)
    near = [period for period in list_periods(schedule, following) if period.past > month]
    return [period for period in near if period.first >= month] or near


def bound_period(period: Period, time_zone: str) -> tuple[datetime, datetime]:
    """The instants at which its first day begins and the day after its last one does, whatever the clocks do there."""
    zone = ZoneInfo(time_zone)
    first, past = (datetime.combine(day, time(), zone).astimezone(UTC) for day in (period.first, period.past))
    return first, past
