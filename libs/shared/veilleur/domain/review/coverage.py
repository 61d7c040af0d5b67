"""Who is there when, and which clients are left alone; pure.

Planned time only: shifts and absences. Whoever has no shift is always there. A gap is open time of a client's calendar
in which nobody on duty serves that client and speaks one of its languages.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from veilleur.domain.review.needs import primary_language
from veilleur.domain.review.staff import Person
from veilleur.domain.sla.calendar import Period, open_periods_between
from veilleur.domain.sla.calendar_hours import EPOCH, MICROSECOND, Calendar
from veilleur.domain.sla.spans import Span, merge_spans, subtract_spans


@dataclass(frozen=True, slots=True)
class Served:
    """A client as coverage sees it; without languages, anybody who serves it will do."""

    id: UUID
    languages: tuple[str, ...]
    calendar: Calendar

    @property
    def tongues(self) -> list[str | None]:
        named = sorted({primary for tag in self.languages if (primary := primary_language(tag))})
        return [*named] if named else [None]


@dataclass(frozen=True, slots=True, order=True)
class Gap:
    """Nobody for this client and language from `start` to `stop`."""

    start: datetime
    stop: datetime
    client_id: UUID
    language: str | None


def list_hours(day: date, zone: ZoneInfo) -> list[Period]:
    """The hours of a local day in UTC; 23 or 25 of them when the clocks change."""
    start = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    following = day + timedelta(days=1)
    stop = datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC)
    hours = []
    while start < stop:
        hours.append((start, min(start + timedelta(hours=1), stop)))
        start += timedelta(hours=1)
    return hours


def list_on_duty(staff: Iterable[Person], period: Period) -> list[Person]:
    """Who is there for at least a part of it."""
    return [person for person in staff if _duty(person, period)]


def plan_duty(person: Person, period: Period) -> list[Period]:
    """The planned hours of one person within the period, in order and apart."""
    return [_to_period(span) for span in _duty(person, period)]


def can_serve(person: Person, client_id: UUID, language: str | None) -> bool:
    return person.able.serves(client_id) and person.able.speaks(language)


def find_gaps(staff: Sequence[Person], clients: Iterable[Served], period: Period) -> list[Gap]:
    """Every gap within the period, in order."""
    duties = [(person, _duty(person, period)) for person in staff]
    gaps: list[Gap] = []
    for client in clients:
        opened = [_to_span(one) for one in open_periods_between(client.calendar, *period)]
        for language in client.tongues:
            there = merge_spans(
                span for person, duty in duties if can_serve(person, client.id, language) for span in duty
            )
            alone = merge_spans(subtract_spans(opened, there))
            gaps += [Gap(*_to_period(span), client.id, language) for span in alone]
    return sorted(gaps, key=lambda gap: (gap.start, gap.stop, gap.client_id, gap.language or ""))


def _duty(person: Person, period: Period) -> list[Span]:
    """Planned presence within the period."""
    presence = person.presence
    planned = [one for shift in presence.shifts for one in open_periods_between(shift, *period)]
    present = merge_spans(_to_span(one) for one in (planned if presence.shifts else [period]))
    return list(subtract_spans(present, merge_spans(_to_span(one) for one in presence.absences)))


def _to_span(period: Period) -> Span:
    return (period[0] - EPOCH) // MICROSECOND, (period[1] - EPOCH) // MICROSECOND


def _to_period(span: Span) -> Period:
    return EPOCH + timedelta(microseconds=span[0]), EPOCH + timedelta(microseconds=span[1])
