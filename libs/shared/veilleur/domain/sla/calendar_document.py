"""The JSON form of a calendar.

`{"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "12:30"], ["14:00", "18:00"]], …},
"overrides": {"2026-12-24": [["09:00", "12:00"]]}, "breaks": {"2026-12-23": [["12:00", "13:00"]]},
"holidays": ["2026-12-25"], "holiday_country": "FR", "holiday_subdivision": "57", "holidays_off": ["2027-05-08"]}`; the
zone and the week are required, a weekday left out is closed. `holidays_off` are public holidays of the country that are
days like others. Hours are local, to the minute, half-open; `24:00` is the end of the day; an end that is
not after its start lies on the next day, so `["09:00", "09:00"]` lasts a day. Hours of one day may overlap.
"""

import json
import re
from collections.abc import Collection
from dataclasses import replace
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from zoneinfo import ZoneInfo, available_timezones

from veilleur.domain.sla.calendar_hours import FIRST_YEAR, LAST_YEAR, Calendar, DayHours, Hours, ever_opens
from veilleur.domain.sla.mistakes import Mistakes, point_to, read_fields
from veilleur.domain.sla.public_holidays import is_known_country, is_known_subdivision
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MAX_DATES = 4_000
MAX_HOURS_OF_A_DAY = 12

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_END_OF_DAY = 1_440
# Names that mean something else on every machine, or nothing.
_NOT_ZONES = frozenset({"localtime", "Factory"})


def read_calendar(document: object, pointer: str, mistakes: Mistakes) -> Calendar | None:
    """The calendar in a JSON form; None when something in it is wrong, which `mistakes` then says in full."""
    before = len(mistakes.found)
    optional = ("overrides", "breaks", "holidays", "holiday_country", "holiday_subdivision", "holidays_off")
    fields = read_fields(document, pointer, mistakes, required=("time_zone", "weekly"), optional=optional)
    # A required field that is missing is already on the list: what stands in for it is never used.
    zone = _read_zone(fields.get("time_zone", "UTC"), f"{pointer}/time_zone", mistakes)
    weekly = _read_week(fields.get("weekly", {}), f"{pointer}/weekly", mistakes)
    overrides = _read_dated_hours(fields.get("overrides", {}), f"{pointer}/overrides", mistakes)
    breaks = _read_dated_hours(fields.get("breaks", {}), f"{pointer}/breaks", mistakes)
    holidays = _read_dates(fields.get("holidays", []), f"{pointer}/holidays", mistakes)
    country, subdivision = _read_country(fields, pointer, mistakes)
    worked = _read_dates(fields.get("holidays_off", []), f"{pointer}/holidays_off", mistakes)
    if worked and not fields.get("holiday_country"):
        mistakes.add(f"{pointer}/holidays_off", msg("switches days of a country off, and there is no holiday_country"))
    if zone is None or len(mistakes.found) > before:
        return None
    dated = MappingProxyType(overrides), MappingProxyType(breaks)
    draft = Calendar("", zone, weekly, *dated, holidays, country, subdivision, worked)
    return replace(draft, canonical=_write_canonical(draft))


def close_on(calendar: Calendar, days: Collection[date]) -> Calendar:
    """The same hours, closed on `days` instead of on the public holidays that are known today."""
    closed = replace(
        calendar,
        holidays=calendar.holidays | frozenset(days),
        holiday_country=None,
        holiday_subdivision=None,
        holidays_off=frozenset(),
    )
    return replace(closed, canonical=_write_canonical(closed))


def require_open_time(calendar: Calendar, pointer: str) -> None:
    """`Invalid` (`no-open-time`) for a calendar that is never open: no clock could ever run by it."""
    if not ever_opens(calendar):
        hint = msg("give weekly hours, or overrides that no holiday or break takes away")
        raise Invalid(
            msg("The calendar is never open"),
            slug="no-open-time",
            errors=[InputError(f"{pointer}/weekly", msg("leaves no open time"), hint)],
        )


def _read_zone(value: object, pointer: str, mistakes: Mistakes) -> ZoneInfo | None:
    if isinstance(value, str) and value in known_zones():
        return ZoneInfo(value)
    mistakes.add(pointer, msg("is not a known time zone"), msg("an IANA name such as Europe/Paris"))
    return None


@lru_cache(maxsize=1)
def known_zones() -> frozenset[str]:
    """The IANA names that mean the same on every machine."""
    return frozenset(available_timezones()) - _NOT_ZONES


def _read_week(value: object, pointer: str, mistakes: Mistakes) -> tuple[DayHours, ...]:
    days = read_fields(value, pointer, mistakes, required=(), optional=WEEKDAYS)
    return tuple(_read_hours(days.get(name, []), f"{pointer}/{name}", mistakes) for name in WEEKDAYS)


def _read_dated_hours(value: object, pointer: str, mistakes: Mistakes) -> dict[date, DayHours]:
    if not isinstance(value, dict):
        mistakes.add(pointer, msg("must be an object"), msg("from dates to lists of hours"))
        return {}
    if not _is_within(len(value), MAX_DATES, pointer, mistakes):
        return {}
    dated: dict[date, DayHours] = {}
    for key, listed in value.items():
        at = point_to(pointer, key)
        day = _read_date(key, at, mistakes)
        hours = _read_hours(listed, at, mistakes)
        if day is not None:
            dated[day] = hours
    return dated


def _read_dates(value: object, pointer: str, mistakes: Mistakes) -> frozenset[date]:
    if not isinstance(value, list):
        mistakes.add(pointer, msg("must be a list"), msg("of dates, such as 2026-12-25"))
        return frozenset()
    if not _is_within(len(value), MAX_DATES, pointer, mistakes):
        return frozenset()
    days = (_read_date(item, f"{pointer}/{position}", mistakes) for position, item in enumerate(value))
    return frozenset(day for day in days if day is not None)


def _read_date(value: object, pointer: str, mistakes: Mistakes) -> date | None:
    hint = msg("YYYY-MM-DD, from {first} to {last}", first=FIRST_YEAR, last=LAST_YEAR)
    # The pattern keeps out the other forms that fromisoformat reads, such as 20261225 and 2026-W52-5.
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            day = date.fromisoformat(value)
        except ValueError:
            pass
        else:
            if FIRST_YEAR <= day.year <= LAST_YEAR:
                return day
    mistakes.add(pointer, msg("is not a date that can be used here"), hint)
    return None


def _read_hours(value: object, pointer: str, mistakes: Mistakes) -> DayHours:
    if not isinstance(value, list):
        mistakes.add(pointer, msg("must be a list"), msg('of hours, such as [["09:00", "18:00"]]'))
        return ()
    if not _is_within(len(value), MAX_HOURS_OF_A_DAY, pointer, mistakes):
        return ()
    read = (_read_opening(item, f"{pointer}/{position}", mistakes) for position, item in enumerate(value))
    return tuple(sorted({hours for hours in read if hours is not None}))


def _read_opening(value: object, pointer: str, mistakes: Mistakes) -> Hours | None:
    if not isinstance(value, list) or len(value) != 2:
        mistakes.add(pointer, msg("must be a start and an end"), msg('such as ["09:00", "18:00"]'))
        return None
    opens = _read_minute(value[0], f"{pointer}/0", mistakes)
    closes = _read_minute(value[1], f"{pointer}/1", mistakes)
    if opens is None or closes is None:
        return None
    if opens == _END_OF_DAY:
        mistakes.add(f"{pointer}/0", msg("nothing starts at 24:00"), msg("write 00:00 of the next day"))
        return None
    return Hours(opens, closes if closes > opens else closes + _END_OF_DAY)


def _read_minute(value: object, pointer: str, mistakes: Mistakes) -> int | None:
    if isinstance(value, str) and _TIME.fullmatch(value):
        return int(value[:2]) * 60 + int(value[3:])
    mistakes.add(pointer, msg("is not a time of day"), msg("HH:MM, from 00:00 to 24:00"))
    return None


def _read_country(fields: dict[str, object], pointer: str, mistakes: Mistakes) -> tuple[str | None, str | None]:
    """The country and the subdivision; the latter is judged only beside a country that is known."""
    country, subdivision = fields.get("holiday_country"), fields.get("holiday_subdivision")
    if country is not None and not (isinstance(country, str) and is_known_country(country)):
        hint = msg("an ISO 3166-1 code of two capital letters; else list the dates under holidays")
        mistakes.add(f"{pointer}/holiday_country", msg("is not a country whose holidays are known"), hint)
        return None, None
    if subdivision is None:
        return country, None
    if country and isinstance(subdivision, str) and is_known_subdivision(country, subdivision):
        return country, subdivision
    hint = msg("the part of an ISO 3166-2 code behind the hyphen, together with its holiday_country")
    mistakes.add(f"{pointer}/holiday_subdivision", msg("is not a subdivision whose holidays are known"), hint)
    return country, None


def _is_within(count: int, limit: int, pointer: str, mistakes: Mistakes) -> bool:
    if count > limit:
        mistakes.add(pointer, msg("has {count} entries, more than the {limit} allowed", count=count, limit=limit))
    return count <= limit


def _write_canonical(calendar: Calendar) -> str:
    """The one spelling of a calendar: what says nothing is left out, and days and hours are in order."""
    weekly = {name: _write_hours(hours) for name, hours in zip(WEEKDAYS, calendar.weekly, strict=True) if hours}
    document: dict[str, object] = {"time_zone": calendar.zone.key, "weekly": weekly}
    optional = {
        "overrides": {day.isoformat(): _write_hours(hours) for day, hours in sorted(calendar.overrides.items())},
        "breaks": {day.isoformat(): _write_hours(hours) for day, hours in sorted(calendar.breaks.items()) if hours},
        "holidays": [day.isoformat() for day in sorted(calendar.holidays)],
        "holiday_country": calendar.holiday_country,
        "holiday_subdivision": calendar.holiday_subdivision,
        "holidays_off": [day.isoformat() for day in sorted(calendar.holidays_off)],
    }
    return json.dumps(document | {name: value for name, value in optional.items() if value}, separators=(",", ":"))


def _write_hours(hours: DayHours) -> list[list[str]]:
    return [[_write_minute(one.opens), _write_minute(one.closes)] for one in hours]


def _write_minute(minute: int) -> str:
    on_clock = minute if minute == _END_OF_DAY else minute % _END_OF_DAY
    return f"{on_clock // 60:02}:{on_clock % 60:02}"
