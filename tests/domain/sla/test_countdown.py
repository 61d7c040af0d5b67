"""How a clock runs, without a database: what was counted is counted, a pause costs nothing, a breach is one instant."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.sla.calendar import clock_due, clock_elapsed, parse_calendar
from veilleur.domain.sla.countdown import (
    Aim,
    catch_up,
    pause_run,
    reopen_run,
    resume_run,
    retarget_run,
    start_run,
    stop_run,
)
from veilleur.domain.sla.policy import Target

OFFICE = parse_calendar(
    {"time_zone": "UTC", "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
)
LONGER = parse_calendar(
    {"time_zone": "UTC", "weekly": {day: [["08:00", "20:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}}
)
HOUR = 3_600
TARGET = Target("standard", 8 * HOUR, business=True)


def at(day: int, hour: float = 0) -> datetime:
    """An hour of January 2027; the 4th is a Monday."""
    return datetime(2027, 1, day, tzinfo=UTC) + timedelta(hours=hour)


MONDAY_TEN = at(4, 10)


def begin(target: Target = TARGET, start: datetime = MONDAY_TEN, present: datetime | None = None):
    return start_run(target, OFFICE, start, present or start)


def types(events) -> list[str]:
    return [event.type for event in events]


def test_what_is_left_in_a_pause_is_business_seconds():
    run, _ = begin()
    paused, events = pause_run(run, OFFICE, "awaiting_client", at(4, 15))
    assert (paused.remaining_s, paused.due_at, paused.next_event_at) == (3 * HOUR, run.due_at, None)
    assert (types(events), events[0].details) == (["paused"], {"reason": "awaiting_client"})
    resumed, events = resume_run(paused, OFFICE, at(6, 16))
    assert (resumed.due_at, types(events)) == (at(7, 11), ["resumed"])


def test_a_pause_outside_opening_hours_costs_nothing():
    run, _ = begin()
    paused, _ = pause_run(run, OFFICE, "awaiting_client", at(4, 18))
    resumed, _ = resume_run(paused, OFFICE, at(5, 8))
    assert resumed.due_at == run.due_at == at(5, 10)


def test_a_pause_that_begins_before_opening_and_ends_in_it_costs_only_the_open_part():
    """A known trap: half an hour of a night's pause is open time, not the whole night."""
    run, _ = begin(start=at(4, 9))
    paused, _ = pause_run(run, OFFICE, "awaiting_client", at(5, 7))
    assert resume_run(paused, OFFICE, at(5, 9.5))[0].due_at == run.due_at == at(4, 17)
    early, _ = pause_run(begin(start=at(4, 9.5))[0], OFFICE, "awaiting_client", at(5, 7))
    assert resume_run(early, OFFICE, at(5, 9.5))[0].due_at == at(5, 10)


def test_two_pauses_within_one_minute_both_count_to_the_second():
    """A known trap: pauses kept by their minute overwrite each other."""
    run, _ = begin(replace(TARGET, seconds=HOUR))
    for seconds in (1, 21):
        start = at(4, 10) + timedelta(seconds=seconds)
        run, _ = pause_run(run, OFFICE, "awaiting_client", start)
        run, _ = resume_run(run, OFFICE, start + timedelta(seconds=10, microseconds=5))
    assert run.due_at == at(4, 11) + timedelta(seconds=20, microseconds=10)


def test_asked_twice_nothing_happens_twice():
    run, _ = begin()
    assert resume_run(run, OFFICE, at(4, 11)) == (run, ())
    assert reopen_run(run, OFFICE, at(4, 11)) == (run, ())
    paused, _ = pause_run(run, OFFICE, "legal_hold", at(4, 11))
    assert pause_run(paused, OFFICE, "awaiting_client", at(4, 12)) == (paused, ())
    stopped, _ = stop_run(paused, OFFICE, at(4, 12), cancelled=False)
    assert stop_run(stopped, OFFICE, at(6), cancelled=True) == (stopped, ())
    assert pause_run(stopped, OFFICE, "legal_hold", at(6)) == (stopped, ())
    assert resume_run(stopped, OFFICE, at(6)) == (stopped, ())
    assert retarget_run(stopped, OFFICE, Aim(replace(TARGET, seconds=1), OFFICE), at(6)) == (stopped, ())


def test_a_promise_that_can_not_be_paused_runs_on():
    run, _ = begin(replace(TARGET, pausable=False))
    assert pause_run(run, OFFICE, "client_callback_down", at(4, 11)) == (run, ())


@pytest.mark.parametrize(
    ("late", "state", "breached"),
    [(timedelta(0), "met", False), (timedelta(microseconds=1), "missed", True)],
)
def test_an_answer_at_the_very_instant_it_is_due_is_in_time(late, state, breached):
    run, _ = begin()
    stopped, events = stop_run(run, OFFICE, run.due_at + late, cancelled=False)
    assert (stopped.state, stopped.breached_at) == (state, run.due_at if breached else None)
    assert types(events) == ["breached"] * breached + [state]


def test_the_answer_to_a_paused_clock_counts_what_was_used_up_before_the_pause():
    """Known traps: a time of closing that is lost, and a delay that goes on growing after the end."""
    run, _ = begin()
    paused, _ = pause_run(run, OFFICE, "awaiting_client", at(4, 15))
    stopped, _ = stop_run(paused, OFFICE, at(20), cancelled=False)
    assert (stopped.state, stopped.elapsed_s, stopped.stopped_at) == ("met", 5 * HOUR, at(20))
    assert (stopped.pause_reason, stopped.next_event_at) == (None, None)


def test_a_pause_after_the_breach_keeps_it_and_brings_no_second_one():
    run, _ = begin()
    paused, events = pause_run(run, OFFICE, "awaiting_client", at(5, 12))
    assert types(events) == ["breached", "paused"]
    assert (paused.remaining_s, paused.breached_at) == (-2 * HOUR, at(5, 10))
    resumed, events = resume_run(paused, OFFICE, at(6, 12))
    assert (resumed.due_at, resumed.next_event_at, types(events)) == (at(5, 10), None, ["resumed"])
    stopped, events = stop_run(resumed, OFFICE, at(6, 13), cancelled=False)
    assert (stopped.state, stopped.elapsed_s, types(events)) == ("missed", 11 * HOUR, ["missed"])


def test_warnings_count_in_business_time():
    target = replace(TARGET, warnings=("50%", "3600s"))
    run, _ = begin(target, start=at(4, 15))
    assert [(timer.threshold, timer.at) for timer in run.timers] == [("50%", at(5, 11)), ("3600s", at(5, 14))]
    assert run.next_event_at == at(5, 11)
    run, events = catch_up(run, at(5, 12))
    assert [(event.type, event.threshold, event.occurred_at) for event in events] == [("warning", "50%", at(5, 11))]
    paused, _ = pause_run(run, OFFICE, "awaiting_client", at(5, 12))
    resumed, _ = resume_run(paused, OFFICE, at(6, 12))
    assert [(timer.threshold, timer.at) for timer in resumed.timers] == [("3600s", at(6, 14))]


def test_what_was_due_while_nobody_looked_comes_in_order_and_at_its_own_instant():
    run, events = begin(replace(TARGET, warnings=("50%", "80%")), present=at(8))
    assert types(events) == ["started", "warning", "warning", "breached"]
    assert [event.occurred_at for event in events] == sorted(event.occurred_at for event in events)
    assert (events[-1].occurred_at, run.breached_at, run.next_event_at) == (run.due_at, run.due_at, None)


def test_the_same_question_again_goes_on_where_it_stopped():
    run, _ = begin()
    stopped, _ = stop_run(run, OFFICE, at(4, 16), cancelled=False)
    again, events = reopen_run(stopped, OFFICE, at(6, 9))
    assert (again.state, again.due_at, again.stopped_at, again.elapsed_s) == ("running", at(6, 11), None, None)
    assert (types(events), events[0].details) == (["resumed"], {"after": "stopped"})
    assert stop_run(again, OFFICE, at(6, 12), cancelled=False)[0].elapsed_s == 9 * HOUR


def test_another_promise_keeps_what_was_used_up_pauses_included():
    run, _ = begin()
    paused, _ = pause_run(run, OFFICE, "awaiting_client", at(4, 12))
    run, _ = resume_run(paused, OFFICE, at(5, 9))
    moved, events = retarget_run(run, OFFICE, Aim(replace(TARGET, seconds=4 * HOUR), OFFICE), at(5, 10))
    assert (moved.due_at, moved.breached_at, types(events)) == (at(5, 11), None, ["retargeted"])
    assert events[0].details["old_due"] == run.due_at.isoformat()
    while_paused, _ = retarget_run(paused, OFFICE, Aim(replace(TARGET, seconds=4 * HOUR), OFFICE), at(5, 10))
    assert (while_paused.state, while_paused.remaining_s) == ("paused", 2 * HOUR)
    assert resume_run(while_paused, OFFICE, at(6, 9))[0].due_at == at(6, 11)


def test_other_opening_hours_count_from_the_change_on():
    run, _ = begin()
    moved, _ = retarget_run(run, OFFICE, Aim(TARGET, LONGER), at(4, 15))
    assert moved.due_at == at(4, 18)
    assert retarget_run(run, OFFICE, Aim(TARGET, OFFICE), at(4, 15)) == (run, ())


def test_a_promise_that_is_already_broken_when_it_is_made_is_broken_at_that_instant():
    run, _ = begin()
    moved, events = retarget_run(run, OFFICE, Aim(replace(TARGET, seconds=HOUR), OFFICE), at(4, 15))
    assert (moved.due_at, moved.breached_at) == (at(4, 11), at(4, 15))
    assert (types(events), events[1].details) == (["retargeted", "breached"], {"retroactive": True})
    assert stop_run(moved, OFFICE, at(4, 15), cancelled=False)[0].state == "missed"


def test_a_later_due_time_does_not_undo_a_breach():
    run, _ = begin(present=at(5, 12))
    moved, events = retarget_run(run, OFFICE, Aim(replace(TARGET, seconds=40 * HOUR), OFFICE), at(5, 12))
    assert (moved.breached_at, moved.due_at > at(5, 12), types(events)) == (at(5, 10), True, ["retargeted"])
    assert stop_run(moved, OFFICE, at(5, 13), cancelled=False)[0].state == "missed"


def test_a_warning_that_was_given_is_not_given_again():
    target = replace(TARGET, warnings=("50%",))
    run, _ = begin(target, present=at(4, 16))
    assert run.timers == ()
    longer = replace(target, seconds=80 * HOUR, warnings=("50%", "90%"))
    moved, _ = retarget_run(run, OFFICE, Aim(longer, OFFICE, told={"50%"}), at(4, 16))
    assert [timer.threshold for timer in moved.timers] == ["90%"]


minutes = st.integers(min_value=0, max_value=14 * 1_440)
histories = st.lists(minutes, min_size=1, max_size=9, unique=True).map(sorted)


@given(histories, st.booleans())
def test_pausing_step_by_step_is_the_same_as_counting_the_whole_history(edges, business):
    """Odd edges pause, even ones resume, the last one stops."""
    run, _ = begin(replace(TARGET, business=business, seconds=20 * HOUR), start=at(4))
    for number, edge in enumerate(edges[:-1]):
        instant = at(4) + timedelta(minutes=edge)
        run, _ = resume_run(run, OFFICE, instant) if number % 2 else pause_run(run, OFFICE, "legal_hold", instant)
    stop = at(4) + timedelta(minutes=edges[-1])
    instants = [at(4) + timedelta(minutes=edge) for edge in edges[:-1]]
    pauses = list(zip(instants[::2], [*instants[1::2], stop][: len(instants[::2])], strict=True))
    stopped, _ = stop_run(run, OFFICE, stop, cancelled=False)
    if business:
        assert stopped.elapsed_s == clock_elapsed(OFFICE, at(4), stop, pauses)
        closed = [pause for pause in pauses if pause[1] <= stop]
        assert (stopped.breached_at is not None) == (clock_due(OFFICE, at(4), 20 * HOUR, closed) < stop)
    else:
        held = sum((end - start for start, end in pauses), timedelta())
        assert stopped.elapsed_s == (stop - at(4) - held).total_seconds()
    assert (stopped.state == "missed") == (stopped.breached_at is not None)
