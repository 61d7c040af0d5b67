"""What a change of rules would cost people: cases, hours, and what has to be done by when; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

DAY_S = 86_400
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Load:
    """Cases that the rules would open, by `(queue, priority)`."""

    before: Mapping[tuple[str, str], int]
    after: Mapping[tuple[str, str], int]


@dataclass(frozen=True, slots=True)
class Span:
    """The stretch of real traffic that was looked at."""

    contexts: int
    first: datetime
    last: datetime

    @property
    def days(self) -> float:
        return (self.last - self.first).total_seconds() / DAY_S


def weigh_load(load: Load, median_review_s: float | None, span: Span | None) -> dict[str, object]:
    """`added` is negative where cases fall away; hours are None for a client nobody has reviewed for yet.

    Figures a day need traffic of at least an hour to speak for a day.
    """
    before, after = sum(load.before.values()), sum(load.after.values())
    added = after - before
    hours = None if median_review_s is None else added * median_review_s / HOUR_S
    days = span.days if span is not None and span.days * DAY_S >= HOUR_S else None
    return {
        "cases_before": before,
        "cases_after": after,
        "cases_added": added,
        "median_review_s": median_review_s,
        "review_hours_added": _round(hours),
        "cases_added_a_day": None if days is None else _round(added / days),
        "review_hours_added_a_day": None if days is None or hours is None else _round(hours / days),
        "added_by": _spread(load),
    }


def _spread(load: Load) -> list[dict[str, object]]:
    """Where the cases would come, the largest change first: each queue and priority has its own deadline."""
    changes = [
        {"queue": queue, "priority": priority, "before": load.before.get(key, 0), "after": load.after.get(key, 0)}
        for key in sorted({*load.before, *load.after})
        for queue, priority in [key]
    ]
    return sorted(changes, key=lambda change: -abs(int(str(change["after"])) - int(str(change["before"]))))


def _round(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
