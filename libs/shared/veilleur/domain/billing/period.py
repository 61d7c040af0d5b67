"""Billing periods: half-open spans of local days; pure.

Days are days of the client's zone, so a day of 23 or 25 hours is a day. `anchor: calendar` cuts at the turn of months,
quarters and years; `anniversary` at the day the contract began, kept from month to month and clamped where a month is
too short (31 January → 28 February → 31 March).
"""

from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Literal

Interval = Literal["month", "quarter", "year"]
MONTHS: dict[Interval, int] = {"month": 1, "quarter": 3, "year": 12}


@dataclass(frozen=True, slots=True)
class Period:
    """`first` is in it, `past` is not."""

    first: date
    past: date

    @property
    def days(self) -> int:
        return (self.past - self.first).days


def period_of(day: date, interval: Interval, anchor: date | None = None, anchor_day: int | None = None) -> Period:
    """The period `day` falls into; without an anchor the calendar's.

    `anchor_day` is the day of the month that is kept where the anchor's own month is too short for it.
    """
    months = MONTHS[interval]
    if anchor is None:
        start = (day.month - 1) // months * months
        return Period(date(day.year, start + 1, 1), _add_months(date(day.year, start + 1, 1), months, 1))
    wanted = anchor_day or anchor.day
    passed = (day.year - anchor.year) * 12 + day.month - anchor.month
    count = passed // months
    if _add_months(anchor, count * months, wanted) > day:
        count -= 1
    return Period(_add_months(anchor, count * months, wanted), _add_months(anchor, (count + 1) * months, wanted))


def share_of_periods(span: Period, interval: Interval, anchor: date | None = None) -> Fraction:
    """How many periods a span is: 1 for a whole one, days over days for a part, each part by its own length."""
    return sum(
        (Fraction(part.days, whole.days) for part, whole in _cut(span, interval, anchor)),
        Fraction(0),
    )


def _cut(span: Period, interval: Interval, anchor: date | None) -> Iterator[tuple[Period, Period]]:
    first = span.first
    while first < span.past:
        whole = period_of(first, interval, anchor)
        past = min(whole.past, span.past)
        yield Period(first, past), whole
        first = past


def _add_months(day: date, months: int, wanted: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(wanted, monthrange(year, month + 1)[1]))
