"""A calendar of business hours, and its local hours as UTC spans.

The rules, from the most to the least binding: a holiday is closed; a break closes; an override replaces the hours of
its date; else the hours of the weekday hold. Hours that reach past midnight belong to the day they start on, so a
holiday does not cut the night before it.

Each local edge is turned into UTC first, and durations are taken in UTC: a day of 25 hours counts 25. An edge that a
zone's clocks jump over moves forward by the jump; one that they pass twice is the first of the two. A date that a zone
left out altogether (Samoa, 2011-12-30) has no hours.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from veilleur.domain.sla.public_holidays import public_holidays
from veilleur.domain.sla.spans import Span, cut_spans, merge_spans, subtract_spans

MINUTE = 60_000_000
DAY = 1_440 * MINUTE
BLOCK = 28 * DAY
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
FIRST_YEAR, LAST_YEAR = 1900, 2200
FIRST_INSTANT = (datetime(FIRST_YEAR, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND
END_INSTANT = (datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC) - EPOCH) // MICROSECOND

_EPOCH_ORDINAL = EPOCH.toordinal()
_BLOCK_DAYS = BLOCK // DAY
_ONE_DAY = timedelta(days=1)
# The days whose hours may reach into a block, numbered from its first: local time is less than a day away from UTC, and
# hours end less than two days after the midnight their day starts with.
_DAYS_OF_BLOCK = range(-2, _BLOCK_DAYS + 1)


@dataclass(frozen=True, slots=True, order=True)
class Hours:
    """One opening, in minutes after the midnight its day starts with: `0 <= opens < 1440`, `closes <= opens + 1440`."""

    opens: int
    closes: int


DayHours = tuple[Hours, ...]
WHOLE_DAY = (Hours(0, 1_440),)


@dataclass(frozen=True, slots=True)
class Calendar:
    """Made by `parse_calendar`. `canonical` is its JSON form in one spelling, and alone decides equality and hash."""

    canonical: str
    zone: ZoneInfo = field(compare=False, repr=False)
    weekly: tuple[DayHours, ...] = field(compare=False, repr=False)
    """Monday first, always seven."""
    overrides: Mapping[date, DayHours] = field(compare=False, repr=False)
    breaks: Mapping[date, DayHours] = field(compare=False, repr=False)
    holidays: frozenset[date] = field(compare=False, repr=False)
    holiday_country: str | None = field(compare=False, repr=False)
    holiday_subdivision: str | None = field(compare=False, repr=False)
    holidays_off: frozenset[date] = field(default=frozenset(), compare=False, repr=False)
    """Public holidays of the country that are days like others here."""

    def to_document(self) -> dict[str, object]:
        """The JSON form, which `parse_calendar` reads back into an equal calendar."""
        document: dict[str, object] = json.loads(self.canonical)
        return document


# A block of a usual calendar is 20 to 60 spans, some 5 KB; a clock started now needs the one or two around now.
@lru_cache(maxsize=512)
def open_block(calendar: Calendar, block: int) -> tuple[Span, ...]:
    """The set of time the calendar is open, cut to `[block * BLOCK, (block + 1) * BLOCK)` and to the counted years."""
    start, stop = max(block * BLOCK, FIRST_INSTANT), min((block + 1) * BLOCK, END_INSTANT)
    if _never_closes(calendar):
        return ((start, stop),) if start < stop else ()
    first = _EPOCH_ORDINAL + block * _BLOCK_DAYS
    days = [date.fromordinal(first + number) for number in _DAYS_OF_BLOCK]
    offsets = [_offset_at_midnight(calendar.zone, day) for day in (*days, days[-1] + _ONE_DAY, days[-1] + 2 * _ONE_DAY)]
    if start + BLOCK == stop and len(set(offsets)) == 1 and not any(_is_special(calendar, day) for day in days):
        return tuple((opens + start, closes + start) for opens, closes in _usual_block(calendar, offsets[0]))
    opened: list[Span] = []
    broken: list[Span] = []
    for day, *around in zip(days, offsets, offsets[1:], offsets[2:], strict=False):
        opened += _to_spans(calendar.zone, day, _hours_on(calendar, day), around)
        broken += _to_spans(calendar.zone, day, calendar.breaks.get(day, ()), around)
    return cut_spans(subtract_spans(merge_spans(opened), merge_spans(broken)), start, stop)


def ever_opens(calendar: Calendar) -> bool:
    """Whether there is open time at all: weekly hours, or dated ones that no holiday or break takes away."""
    if any(calendar.weekly):
        return True
    instants = ((day.toordinal() - _EPOCH_ORDINAL) * DAY for day in calendar.overrides)
    blocks = {instant // BLOCK + side for instant in instants for side in (-1, 0, 1)}
    return any(open_block(calendar, block) for block in blocks)


def _never_closes(calendar: Calendar) -> bool:
    dated = calendar.overrides or calendar.breaks or calendar.holidays or calendar.holiday_country
    return not dated and all(hours == WHOLE_DAY for hours in calendar.weekly)


@lru_cache(maxsize=256)
def _usual_block(calendar: Calendar, offset: int) -> tuple[Span, ...]:
    """A block of four plain weeks with one UTC offset, from 0 on: most blocks are this one, moved."""
    first_weekday = EPOCH.weekday()
    opened = [
        (number * DAY - offset + one.opens * MINUTE, number * DAY - offset + one.closes * MINUTE)
        for number in _DAYS_OF_BLOCK
        for one in calendar.weekly[(first_weekday + number) % 7]
    ]
    return cut_spans(merge_spans(opened), 0, BLOCK)


def _is_special(calendar: Calendar, day: date) -> bool:
    return day in calendar.overrides or day in calendar.breaks or _is_holiday(calendar, day)


def _is_holiday(calendar: Calendar, day: date) -> bool:
    country = calendar.holiday_country
    if day in calendar.holidays:
        return True
    if not country or day in calendar.holidays_off:
        return False
    return day in public_holidays(country, calendar.holiday_subdivision, day.year)


def _hours_on(calendar: Calendar, day: date) -> DayHours:
    if _is_holiday(calendar, day):
        return ()
    return calendar.overrides.get(day, calendar.weekly[day.weekday()])


def _to_spans(zone: ZoneInfo, day: date, hours: DayHours, offsets: list[int]) -> list[Span]:
    """The hours of a day in UTC; `offsets` are those of the zone at the midnights 0, 1 and 2 days on."""
    # No zone changed its offset twice within three days since 1900, so equal offsets mean an unbroken line.
    if len(set(offsets)) == 1:
        midnight = (day.toordinal() - _EPOCH_ORDINAL) * DAY - offsets[0]
        return [(midnight + one.opens * MINUTE, midnight + one.closes * MINUTE) for one in hours]
    if _is_left_out(zone, day):
        return []
    return [(_to_instant(zone, day, one.opens), _to_instant(zone, day, one.closes)) for one in hours]


def _to_instant(zone: ZoneInfo, day: date, minute: int) -> int:
    on = day + minute // 1_440 * _ONE_DAY
    # fold=0: the first of two, and in a gap the offset before it, which lands behind the gap.
    local = datetime(on.year, on.month, on.day, minute % 1_440 // 60, minute % 60, tzinfo=zone)
    return (local - EPOCH) // MICROSECOND


def _offset_at_midnight(zone: ZoneInfo, day: date) -> int:
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    return (midnight.utcoffset() or timedelta()) // MICROSECOND


def _is_left_out(zone: ZoneInfo, day: date) -> bool:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=zone)
    return noon.astimezone(UTC).astimezone(zone).date() != day
