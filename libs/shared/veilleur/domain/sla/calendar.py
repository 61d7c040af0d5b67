"""Business time: how far a clock has run, and when it will be due, counting only the open time of a calendar.

Pure arithmetic over aware datetimes, exact to the microsecond. A budget that is used up exactly at closing time is due
at that closing time, not at the next opening; counting back, one that is used up exactly at opening time ends there.
Time is counted in the years 1900 to 2200, and a calendar that stays closed for more than 400 days on end has run dry:
both are `Invalid`, never a search without end.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from operator import itemgetter

from veilleur.domain.sla.calendar_document import read_calendar, require_open_time
from veilleur.domain.sla.calendar_hours import (
    BLOCK,
    DAY,
    END_INSTANT,
    EPOCH,
    FIRST_INSTANT,
    FIRST_YEAR,
    LAST_YEAR,
    MICROSECOND,
    Calendar,
    open_block,
)
from veilleur.domain.sla.mistakes import Mistakes
from veilleur.domain.sla.spans import Span, merge_spans, subtract_spans
from veilleur.kernel.errors import Invalid
from veilleur.kernel.messages import msg

Period = tuple[datetime, datetime]

HORIZON = 400 * DAY

_SECOND = 1_000_000


def parse_calendar(document: object, pointer: str = "") -> Calendar:
    """The calendar in a JSON form (see `calendar_document`).

    `Invalid` tells every mistake with its JSON Pointer under `pointer`; a calendar that is never open is `Invalid` with
    the slug `no-open-time`.
    """
    mistakes = Mistakes()
    calendar = read_calendar(document, pointer, mistakes)
    if calendar is None:
        raise Invalid(msg("The calendar has mistakes"), errors=mistakes.found)
    require_open_time(calendar, pointer)
    return calendar


def add_open_seconds(calendar: Calendar, start: datetime, seconds: float) -> datetime:
    """The instant at which this much open time has passed since `start`; negative seconds count back.

    No seconds at all give `start` where it is open, else the next opening. `Invalid` (`no-open-time`) when the calendar
    runs dry before.
    """
    return clock_due(calendar, start, seconds, ())


def open_seconds_between(calendar: Calendar, start: datetime, stop: datetime) -> float:
    """Open seconds in `[start, stop)`, exact to the microsecond; 0 where `stop` is not after `start`."""
    return clock_elapsed(calendar, start, stop, ())


def clock_due(calendar: Calendar, start: datetime, seconds: float, pauses: Iterable[Period]) -> datetime:
    """As `add_open_seconds`, with `pauses` (half-open, in any order, overlapping as they like) not counted either."""
    begins, budget = _to_microseconds(start), round(seconds * _SECOND)
    holes = merge_spans(_to_span(pause) for pause in pauses)
    if budget >= 0:
        return _to_datetime(_spend(subtract_spans(_spans_after(calendar, begins), holes), budget))
    # Counting back is counting forth on the mirrored line of time, so that both ends of a span get the same rule.
    mirrored = [(-stop, -start) for start, stop in reversed(holes)]
    return _to_datetime(-_spend(subtract_spans(_spans_before(calendar, begins), mirrored), -budget))


def clock_elapsed(calendar: Calendar, start: datetime, stop: datetime, pauses: Iterable[Period]) -> float:
    """As `open_seconds_between`, with `pauses` not counted."""
    holes = merge_spans(_to_span(pause) for pause in pauses)
    spans = _spans_between(calendar, _to_microseconds(start), _to_microseconds(stop))
    return sum(closes - opens for opens, closes in subtract_spans(spans, holes)) / _SECOND


def is_open(calendar: Calendar, at: datetime) -> bool:
    """Open at opening time, closed at closing time."""
    instant = _to_microseconds(at)
    return any(True for _ in _spans_between(calendar, instant, instant + 1))


def next_periods(calendar: Calendar, start: datetime, count: int) -> list[Period]:
    """The next `count` stretches of unbroken open time as `(start, end)` in UTC.

    The first begins at `start` when it is open then. Fewer when the calendar runs dry, `Invalid` (`no-open-time`) when
    there are none; one that never closes ends with the counted years, on 2201-01-01.
    """
    periods: list[Span] = []
    for opens, closes in _spans_after(calendar, _to_microseconds(start)):
        if periods and periods[-1][1] == opens:
            periods[-1] = (periods[-1][0], closes)
        elif len(periods) == count:
            break
        else:
            periods.append((opens, closes))
    if not periods:
        raise _run_dry()
    return [(_to_datetime(opens), _to_datetime(closes)) for opens, closes in periods]


def open_periods_between(calendar: Calendar, start: datetime, stop: datetime) -> list[Period]:
    """Open time in `[start, stop)` as `(start, end)` in UTC; one may end where the next one begins."""
    spans = _spans_between(calendar, _to_microseconds(start), _to_microseconds(stop))
    return [(_to_datetime(opens), _to_datetime(closes)) for opens, closes in spans]


def _spend(spans: Iterable[Span], budget: int) -> int:
    for opens, closes in spans:
        if closes - opens >= budget:
            return opens + budget
        budget -= closes - opens
    raise _run_dry()


def _run_dry() -> Invalid:
    detail = msg(
        "No open time is left: closed for over {days} days on end, or the years {first} to {last} are used up",
        days=HORIZON // DAY,
        first=FIRST_YEAR,
        last=LAST_YEAR,
    )
    return Invalid(detail, slug="no-open-time")


def _spans_after(calendar: Calendar, start: int) -> Iterator[Span]:
    """Open time from `start` on, in order, until the calendar runs dry. A span may end where the next one begins."""
    seen, block = start, start // BLOCK
    while block * BLOCK <= seen + HORIZON and block * BLOCK < END_INSTANT:
        for opens, closes in _spans_of_block_from(calendar, block, start):
            if opens > seen + HORIZON:
                return
            yield max(opens, start), closes
            seen = closes
        block += 1


def _spans_before(calendar: Calendar, start: int) -> Iterator[Span]:
    """Open time from `start` back, mirrored: each span as `(-closes, -opens)`."""
    seen, block = start, start // BLOCK
    while (block + 1) * BLOCK >= seen - HORIZON and (block + 1) * BLOCK > FIRST_INSTANT:
        spans = open_block(calendar, block)
        for opens, closes in reversed(spans[: bisect_left(spans, start, key=itemgetter(0))]):
            if closes < seen - HORIZON:
                return
            yield -min(closes, start), -opens
            seen = opens
        block -= 1


def _spans_between(calendar: Calendar, start: int, stop: int) -> Iterator[Span]:
    for block in range(start // BLOCK, (stop - 1) // BLOCK + 1):
        for opens, closes in _spans_of_block_from(calendar, block, start):
            if max(opens, start) >= stop:
                return
            yield max(opens, start), min(closes, stop)


def _spans_of_block_from(calendar: Calendar, block: int, start: int) -> tuple[Span, ...]:
    spans = open_block(calendar, block)
    return spans[bisect_right(spans, start, key=itemgetter(1)) :]


def _to_span(period: Period) -> Span:
    return _to_microseconds(period[0]), _to_microseconds(period[1])


def _to_microseconds(instant: datetime) -> int:
    microseconds = (instant - EPOCH) // MICROSECOND
    if not FIRST_INSTANT <= microseconds < END_INSTANT:
        raise Invalid(msg("Time is counted from {first} to {last}", first=FIRST_YEAR, last=LAST_YEAR))
    return microseconds


def _to_datetime(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
