"""Trying a calendar out before it counts for anybody: one operation of business time, JSON in and out."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from veilleur.domain.sla.calendar import (
    Period,
    add_open_seconds,
    clock_due,
    clock_elapsed,
    is_open,
    next_periods,
    open_seconds_between,
)
from veilleur.domain.sla.calendar_document import read_calendar, require_open_time
from veilleur.domain.sla.calendar_hours import EPOCH, FIRST_YEAR, LAST_YEAR, Calendar
from veilleur.domain.sla.mistakes import Mistakes, read_fields
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.errors import Invalid
from veilleur.kernel.messages import msg

MAX_SECONDS = 10 * 366 * 86_400
MAX_PERIODS = 1_000
MAX_PAUSES = 1_000

# RFC 3339 5.6, without leap seconds; whether a day exists is left to the standard library.
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2})",
    re.IGNORECASE,
)

Plan = Callable[[Calendar], object]


@dataclass(frozen=True, slots=True)
class _Arguments:
    """The fields of a body as an operation asks for them. What stands in for a missing or wrong one is never used."""

    fields: dict[str, object]
    mistakes: Mistakes

    def read_instant(self, name: str) -> datetime:
        return read_instant(self.fields[name], f"/{name}", self.mistakes) if name in self.fields else EPOCH

    def read_number(self, name: str, lowest: int, highest: int) -> int:
        value = self.fields.get(name, lowest)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest:
            return value
        hint = msg("a whole number from {lowest} to {highest}", lowest=lowest, highest=highest)
        self.mistakes.add(f"/{name}", msg("is not a number that can be used here"), hint)
        return lowest

    def read_pauses(self) -> list[Period]:
        value = self.fields.get("pauses", [])
        if not isinstance(value, list) or len(value) > MAX_PAUSES:
            hint = msg("at most {limit} pairs of a start and an end", limit=MAX_PAUSES)
            self.mistakes.add("/pauses", msg("is not a list of pauses"), hint)
            return []
        return [_to_pause(item, f"/pauses/{position}", self.mistakes) for position, item in enumerate(value)]


@dataclass(frozen=True, slots=True)
class _Operation:
    """The names of its arguments, and how it is planned: read every argument first, count later."""

    required: tuple[str, ...]
    optional: tuple[str, ...]
    plan: Callable[[_Arguments], Plan]


def preview_calendar(body: object) -> object:
    """The answer to `{"calendar": …, "op": …, <arguments>}`, ready for JSON.

    `add {start, seconds}` and `clock_due {start, seconds, pauses?}` give an instant, `elapsed {from, to}` and
    `clock_elapsed {start, stop, pauses?}` seconds (whole where they are), `is_open {at}` a boolean,
    `next_periods {from, count}` a list of `[start, end]`. Instants are RFC 3339, the answers in UTC.

    `Invalid` tells every mistake in the calendar and in the arguments at once. Bounds: ten years of seconds, 1,000
    periods, 1,000 pauses, the years 1900 to 2200.
    """
    mistakes = Mistakes()
    operation = _find_operation(body)
    fields = read_fields(
        body, "", mistakes, required=("calendar", "op", *operation.required), optional=operation.optional
    )
    plan = operation.plan(_Arguments(fields, mistakes))
    calendar = read_calendar(fields["calendar"], "/calendar", mistakes) if "calendar" in fields else None
    if calendar is None or mistakes.found:
        raise Invalid(msg("The preview has mistakes"), errors=mistakes.found)
    require_open_time(calendar, "/calendar")
    return plan(calendar)


def _find_operation(body: object) -> _Operation:
    name = body.get("op") if isinstance(body, dict) else None
    return _OPERATIONS.get(name, _UNKNOWN) if isinstance(name, str) else _UNKNOWN


def _plan_add(arguments: _Arguments) -> Plan:
    start = arguments.read_instant("start")
    seconds = arguments.read_number("seconds", -MAX_SECONDS, MAX_SECONDS)
    return lambda calendar: to_rfc3339(add_open_seconds(calendar, start, seconds))


def _plan_elapsed(arguments: _Arguments) -> Plan:
    start, stop = arguments.read_instant("from"), arguments.read_instant("to")
    return lambda calendar: _show_seconds(open_seconds_between(calendar, start, stop))


def _plan_is_open(arguments: _Arguments) -> Plan:
    at = arguments.read_instant("at")
    return lambda calendar: is_open(calendar, at)


def _plan_next_periods(arguments: _Arguments) -> Plan:
    start, count = arguments.read_instant("from"), arguments.read_number("count", 1, MAX_PERIODS)
    return lambda calendar: [
        [to_rfc3339(opens), to_rfc3339(closes)] for opens, closes in next_periods(calendar, start, count)
    ]


def _plan_clock_due(arguments: _Arguments) -> Plan:
    start, pauses = arguments.read_instant("start"), arguments.read_pauses()
    seconds = arguments.read_number("seconds", -MAX_SECONDS, MAX_SECONDS)
    return lambda calendar: to_rfc3339(clock_due(calendar, start, seconds, pauses))


def _plan_clock_elapsed(arguments: _Arguments) -> Plan:
    start, stop = arguments.read_instant("start"), arguments.read_instant("stop")
    pauses = arguments.read_pauses()
    return lambda calendar: _show_seconds(clock_elapsed(calendar, start, stop, pauses))


def _plan_nothing(arguments: _Arguments) -> Plan:
    if "op" in arguments.fields:
        arguments.mistakes.add("/op", msg("is not a known operation"), msg("one of {names}", names=list(_OPERATIONS)))
    return lambda _: None


_OPERATIONS = {
    "add": _Operation(("start", "seconds"), (), _plan_add),
    "elapsed": _Operation(("from", "to"), (), _plan_elapsed),
    "is_open": _Operation(("at",), (), _plan_is_open),
    "next_periods": _Operation(("from", "count"), (), _plan_next_periods),
    "clock_due": _Operation(("start", "seconds"), ("pauses",), _plan_clock_due),
    "clock_elapsed": _Operation(("start", "stop"), ("pauses",), _plan_clock_elapsed),
}
# Which arguments belong to an operation that does not exist can't be judged: all known ones pass.
_UNKNOWN = _Operation((), ("start", "stop", "from", "to", "at", "seconds", "count", "pauses"), _plan_nothing)


def read_instant(value: object, pointer: str, mistakes: Mistakes) -> datetime:
    """An instant as it comes in JSON, in UTC; what stands in for a wrong one is never used."""
    if isinstance(value, str) and _INSTANT.fullmatch(value):
        try:
            instant = datetime.fromisoformat(value.upper())
        except ValueError:
            pass
        else:
            # The year is judged before and after: at the ends of the calendar the move to UTC itself would overflow.
            if _is_counted(instant) and _is_counted(instant.astimezone(UTC)):
                return instant.astimezone(UTC)
    hint = msg(
        "RFC 3339 with an offset, such as 2026-11-22T10:00:00Z; years {first} to {last}",
        first=FIRST_YEAR,
        last=LAST_YEAR,
    )
    mistakes.add(pointer, msg("is not an instant that can be used here"), hint)
    return EPOCH


def _is_counted(instant: datetime) -> bool:
    return FIRST_YEAR <= instant.year <= LAST_YEAR


def _to_pause(value: object, pointer: str, mistakes: Mistakes) -> Period:
    if not isinstance(value, list) or len(value) != 2:
        mistakes.add(pointer, msg("is not a pause"), msg("a start and an end"))
        return EPOCH, EPOCH
    before = len(mistakes.found)
    start, stop = read_instant(value[0], f"{pointer}/0", mistakes), read_instant(value[1], f"{pointer}/1", mistakes)
    if stop < start and len(mistakes.found) == before:
        mistakes.add(f"{pointer}/1", msg("a pause can't end before it starts"))
    return start, stop


def _show_seconds(seconds: float) -> int | float:
    return int(seconds) if seconds.is_integer() else seconds
