"""How one clock runs: start, pause, resume, stop, reopen, retarget; pure.

A clock counts down. `remaining_s` is what was left of the promise at `counted_from`, so a pause stores business seconds
and never wall-clock time, and what a pause outside opening hours costs is nothing. Every function takes the instant it
happens at and answers with the new run and what happened, each at its true instant: what was due and not yet noticed
comes first. A call that changes nothing answers with the same run and nothing.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from veilleur.domain.sla.calendar import add_open_seconds, open_seconds_between
from veilleur.domain.sla.calendar_hours import Calendar
from veilleur.domain.sla.models import ClockState
from veilleur.domain.sla.policy import Target

EventType = Literal[
    "started", "paused", "resumed", "warning", "breached", "met", "missed", "retargeted", "cancelled",
]  # fmt: skip
PauseReason = Literal["awaiting_client", "client_callback_down", "legal_hold"]

OPEN = (ClockState.RUNNING, ClockState.PAUSED)


@dataclass(frozen=True, slots=True)
class Timer:
    """A warning to come: its instant, and the threshold it stands for (`80%`, `900s`)."""

    at: datetime
    threshold: str


@dataclass(frozen=True, slots=True)
class Run:
    """A clock as arithmetic sees it. `due_at` keeps its last value while paused."""

    state: ClockState
    target: Target
    started_at: datetime
    counted_from: datetime
    remaining_s: float
    due_at: datetime
    deadline_at: datetime | None = None
    """Somebody else's, around the clock: never due later, whatever is left."""
    timers: tuple[Timer, ...] = ()
    breached_at: datetime | None = None
    stopped_at: datetime | None = None
    elapsed_s: float | None = None
    """What was used up when the clock stopped, in the time it counts in."""
    pause_reason: str | None = None
    revision: int = 0
    """How often the run was changed: what can happen several times in a cycle is told apart by it."""

    @property
    def next_event_at(self) -> datetime | None:
        """When time alone makes something happen."""
        if self.state != ClockState.RUNNING:
            return None
        return min([timer.at for timer in self.timers] + [self.due_at] * (self.breached_at is None), default=None)


@dataclass(frozen=True, slots=True)
class Happening:
    type: EventType
    occurred_at: datetime
    threshold: str = ""
    revision: int = 0
    details: dict[str, Any] = field(default_factory=dict)


Step = tuple[Run, tuple[Happening, ...]]


def start_run(
    target: Target, calendar: Calendar, started_at: datetime, present: datetime, deadline_at: datetime | None = None
) -> Step:
    """A clock that has been running since `started_at`."""
    due_at = _cap(advance(target, calendar, started_at, target.seconds), deadline_at)
    run = Run(ClockState.RUNNING, target, started_at, started_at, target.seconds, due_at, deadline_at)
    run = replace(run, timers=_plan_timers(run, calendar, target.warnings))
    run, passed = catch_up(run, present)
    return run, (Happening("started", started_at), *passed)


def catch_up(run: Run, present: datetime) -> Step:
    """What time alone has made happen before `present`."""
    if run.state != ClockState.RUNNING:
        return run, ()
    passed = [Happening("warning", timer.at, timer.threshold) for timer in run.timers if timer.at < present]
    rest = tuple(timer for timer in run.timers if timer.at >= present)
    if run.breached_at is not None or run.due_at >= present:
        return replace(run, timers=rest), tuple(passed)
    return replace(run, timers=rest, breached_at=run.due_at), (*passed, Happening("breached", run.due_at))


def pause_run(run: Run, calendar: Calendar, reason: PauseReason, present: datetime) -> Step:
    """Hold what is left, which is less than nothing after a breach. A promise that can't be paused runs on."""
    if run.state != ClockState.RUNNING or not run.target.pausable:
        return run, ()
    run, passed = catch_up(run, present)
    paused = replace(
        run,
        state=ClockState.PAUSED,
        remaining_s=_remain(run, calendar, present),
        counted_from=present,
        pause_reason=reason,
        revision=run.revision + 1,
    )
    return paused, (*passed, Happening("paused", present, revision=paused.revision, details={"reason": reason}))


def resume_run(run: Run, calendar: Calendar, present: datetime) -> Step:
    """Count on from here; past its target a clock keeps the due time it missed."""
    if run.state != ClockState.PAUSED:
        return run, ()
    return _continue(run, calendar, present, after=run.pause_reason)


def reopen_run(run: Run, calendar: Calendar, present: datetime) -> Step:
    """The question comes back: the time between stop and now is a pause of the same cycle."""
    if run.state in OPEN:
        return run, ()
    return _continue(replace(run, stopped_at=None, elapsed_s=None), calendar, present, after="stopped")


def stop_run(run: Run, calendar: Calendar, present: datetime, *, cancelled: bool) -> Step:
    """Met up to the very instant it is due, missed once breached."""
    if run.state not in OPEN:
        return run, ()
    run, passed = catch_up(run, present)
    remaining = _remain(run, calendar, present)
    kept = ClockState.MET if run.breached_at is None else ClockState.MISSED
    stopped = replace(
        run,
        state=ClockState.CANCELLED if cancelled else kept,
        remaining_s=remaining,
        counted_from=present,
        stopped_at=present,
        elapsed_s=run.target.seconds - remaining,
        pause_reason=None,
        revision=run.revision + 1,
    )
    ended: EventType = "cancelled" if cancelled else "met" if kept == ClockState.MET else "missed"
    return stopped, (*passed, Happening(ended, present, revision=stopped.revision))


@dataclass(frozen=True, slots=True)
class Aim:
    """What a clock is to count by from now on; `told`: the warnings that were given already."""

    target: Target
    calendar: Calendar
    told: Collection[str] = ()


def retarget_run(run: Run, calendar: Calendar, aim: Aim, present: datetime) -> Step:
    """Another promise: what was used up stays used up, a breach stays a breach.

    Where the new target is already used up, the promise is broken now, not at an instant when nobody could know of it.
    """
    moved_hours = run.target.business and aim.target.business and aim.calendar != calendar
    if run.state not in OPEN or (run.target == aim.target and not moved_hours):
        return run, ()
    run, passed = catch_up(run, present)
    remaining = aim.target.seconds - run.target.seconds + _remain(run, calendar, present)
    moved = replace(
        run, target=aim.target, remaining_s=remaining, counted_from=present, revision=run.revision + 1,
        due_at=_cap(advance(aim.target, aim.calendar, present, remaining), run.deadline_at),
    )  # fmt: skip
    untold = [threshold for threshold in aim.target.warnings if threshold not in aim.told]
    moved = replace(moved, timers=_plan_timers(moved, aim.calendar, untold))
    changed = {"old_due": run.due_at.isoformat(), "new_due": moved.due_at.isoformat(),
               "old_class": run.target.target_class, "new_class": moved.target.target_class}  # fmt: skip
    events = (*passed, Happening("retargeted", present, revision=moved.revision, details=changed))
    if moved.breached_at is None and remaining < 0:
        moved = replace(moved, breached_at=present)
        events = (*events, Happening("breached", present, details={"retroactive": True}))
    return moved, events


def advance(target: Target, calendar: Calendar, start: datetime, seconds: float) -> datetime:
    """`seconds` on from `start`, in the time that `target` counts in."""
    if not target.business:
        return start + timedelta(seconds=seconds)
    return add_open_seconds(calendar, start, seconds)


def _cap(due_at: datetime, deadline_at: datetime | None) -> datetime:
    return due_at if deadline_at is None else min(due_at, deadline_at)


def _continue(run: Run, calendar: Calendar, present: datetime, after: str | None) -> Step:
    ahead = run.remaining_s > 0
    running = replace(
        run,
        state=ClockState.RUNNING,
        counted_from=present,
        due_at=_cap(advance(run.target, calendar, present, run.remaining_s), run.deadline_at) if ahead else run.due_at,
        pause_reason=None,
        revision=run.revision + 1,
    )
    running = replace(running, timers=_plan_timers(running, calendar, [timer.threshold for timer in run.timers]))
    resumed = Happening("resumed", present, revision=running.revision, details={"after": after})
    running, passed = catch_up(running, present)
    return running, (resumed, *passed)


def _remain(run: Run, calendar: Calendar, present: datetime) -> float:
    if run.state != ClockState.RUNNING:
        return run.remaining_s
    if not run.target.business:
        return run.remaining_s - max(0.0, (present - run.counted_from).total_seconds())
    return run.remaining_s - open_seconds_between(calendar, run.counted_from, present)


def _plan_timers(run: Run, calendar: Calendar, thresholds: Sequence[str]) -> tuple[Timer, ...]:
    """Warnings in the time the clock counts in; one whose point is passed comes at once, none after the target."""
    if run.remaining_s <= 0:
        return ()
    left = {threshold: run.target.left_at(threshold) for threshold in thresholds}
    if run.due_at == run.deadline_at:
        return _plan_before_deadline(run, left)
    timers = [
        Timer(advance(run.target, calendar, run.counted_from, max(0.0, run.remaining_s - seconds)), threshold)
        for threshold, seconds in left.items()
    ]
    return tuple(sorted(timers, key=lambda timer: timer.at))


def _plan_before_deadline(run: Run, left: Mapping[str, float]) -> tuple[Timer, ...]:
    """Warnings before a deadline of somebody else's: shares are of the time it leaves, seconds are seconds."""
    span_s = max(0.0, (run.due_at - run.counted_from).total_seconds())
    ahead = {
        threshold: span_s * seconds / run.target.seconds if threshold.endswith("%") else min(seconds, span_s)
        for threshold, seconds in left.items()
    }
    timers = [Timer(run.due_at - timedelta(seconds=before), threshold) for threshold, before in ahead.items()]
    return tuple(sorted(timers, key=lambda timer: timer.at))
