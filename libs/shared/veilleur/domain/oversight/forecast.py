"""What will be late, by when and why, at the present pace; pure.

Cases are laid into the hours of the people who may decide them, earliest deadline first, each with whoever would be
done with it first. An average would hide what this shows: one person who alone speaks a language, a shift that ends
before a deadline, a case nobody may take at all. It is a plan nobody follows to the letter; it is late only where any
order of work would be, or nearly so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Paused = Literal["awaiting_client", "delivery_down"]
Cause = Literal["no_eligible_member", "backlog", "already_late"] | Paused
Hours = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A case to be decided: `handling` is what it will take; `eligible` who may decide it, by id."""

    case: str
    due_at: datetime
    handling: timedelta
    eligible: frozenset[str]
    paused: Paused | None = None
    """Why its clock stands still, if it does."""


@dataclass(frozen=True, slots=True)
class Late:
    """`expected_at` None: not within the hours that are known."""

    case: str
    due_at: datetime
    expected_at: datetime | None
    cause: Cause


def forecast_late(cases: Sequence[Waiting], shifts: Mapping[str, Sequence[Hours]], now: datetime) -> list[Late]:
    """The cases that will be late, by deadline. `shifts`: each person's hours from `now` on, in order, apart."""
    free = {person: _Diary(hours, now) for person, hours in shifts.items()}
    return [
        found
        for case in sorted(cases, key=lambda case: (case.due_at, case.case))
        if (found := _place(case, free, now)) is not None
    ]


class _Diary:
    """One person's hours, used up from the front."""

    def __init__(self, hours: Sequence[Hours], now: datetime) -> None:
        self._hours = [(max(start, now), stop) for start, stop in hours if stop > now]
        self._next = 0

    def done_at(self, work: timedelta) -> datetime | None:
        """When `work` would be done; None when the hours known do not suffice."""
        return self._walk(work)[0]

    def take(self, work: timedelta) -> None:
        done, position = self._walk(work)
        self._next = position
        if done is not None:
            self._hours[position] = (done, self._hours[position][1])

    def _walk(self, work: timedelta) -> tuple[datetime | None, int]:
        for position in range(self._next, len(self._hours)):
            start, stop = self._hours[position]
            if stop - start >= work:
                return start + work, position
            work -= stop - start
        return None, len(self._hours)


def _place(case: Waiting, diaries: Mapping[str, _Diary], now: datetime) -> Late | None:
    if case.paused is not None:
        return Late(case.case, case.due_at, None, case.paused) if case.due_at <= now else None
    offers = [(done, person) for person in case.eligible if person in diaries
              and (done := diaries[person].done_at(case.handling)) is not None]  # fmt: skip
    if not offers:
        cause: Cause = "backlog" if case.eligible & diaries.keys() else "no_eligible_member"
        return Late(case.case, case.due_at, None, cause)
    done, person = min(offers)
    diaries[person].take(case.handling)
    if done <= case.due_at:
        return None
    return Late(case.case, case.due_at, done, "already_late" if case.due_at <= now else "backlog")
