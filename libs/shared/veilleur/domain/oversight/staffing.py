"""How many people a load of cases needs; pure.

Two models. Answers within seconds or minutes are a matter of chance: Erlang C (M/M/N) says how many must be there so
that few wait. Promises of hours are a matter of work: the backlog model divides the hands needed to keep pace, and to
work off what is left over, by the time people truly spend on cases.
"""

from dataclasses import dataclass
from math import ceil, exp

MOST = 10_000
"""No answer goes beyond so many people."""


@dataclass(frozen=True, slots=True)
class Load:
    """`arrivals` cases in `interval_s` seconds, each `handling_s` seconds of work."""

    arrivals: float
    interval_s: float
    handling_s: float

    @property
    def erlangs(self) -> float:
        """Work that arrives per unit of time: people busy on average."""
        return self.arrivals * self.handling_s / self.interval_s


@dataclass(frozen=True, slots=True)
class Practice:
    """`occupancy`: the share of their time on shift people can be at work on cases; `shrinkage`: the share of paid time
    they are not on shift (leave, training, meetings).
    """

    occupancy: float = 0.85
    shrinkage: float = 0.3


@dataclass(frozen=True, slots=True)
class Staffing:
    """`present` people at work, `scheduled` people paid; `waiting_share` who wait at all, `on_time_share` who wait at
    most the patience, `wait_s` the mean wait in seconds.
    """

    present: int
    scheduled: int
    waiting_share: float
    on_time_share: float
    wait_s: float
    occupancy: float


def waiting_share(erlangs: float, people: int) -> float:
    """Erlang C: the share of arrivals that find everybody busy; 1.0 when the work is more than the people."""
    if erlangs <= 0:
        return 0.0
    if people <= erlangs:
        return 1.0
    blocked = 1.0
    for count in range(1, people + 1):
        blocked = erlangs * blocked / (count + erlangs * blocked)
    return people * blocked / (people - erlangs * (1 - blocked))


def staff_for_patience(load: Load, *, patience_s: float, on_time: float, practice: Practice = Practice()) -> Staffing:
    """The fewest people so that the share `on_time` waits at most `patience_s` and nobody is busier than practised."""
    people = max(1, ceil(load.erlangs))
    while people < MOST:
        found = _describe(load, people, patience_s, practice)
        if found.on_time_share >= on_time and found.occupancy <= practice.occupancy:
            return found
        people += 1
    return _describe(load, MOST, patience_s, practice)


def heads_for_backlog(load: Load, *, backlog: int, recover_s: float, practice: Practice = Practice()) -> int:
    """People to schedule so that arrivals are kept pace with and `backlog` cases are gone after `recover_s` seconds."""
    work = load.erlangs + backlog * load.handling_s / recover_s
    return min(MOST, ceil(round(work / (practice.occupancy * (1 - practice.shrinkage)), 9)))


def _describe(load: Load, people: int, patience_s: float, practice: Practice) -> Staffing:
    work = load.erlangs
    waiting = waiting_share(work, people)
    spare = people - work
    return Staffing(
        present=people,
        scheduled=ceil(round(people / (1 - practice.shrinkage), 9)),
        waiting_share=waiting,
        on_time_share=1 - waiting * exp(-spare * patience_s / load.handling_s) if spare > 0 else 0.0,
        wait_s=waiting * load.handling_s / spare if spare > 0 else float("inf"),
        occupancy=work / people,
    )
