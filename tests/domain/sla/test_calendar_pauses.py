"""Clocks that were paused, and the periods a calendar announces."""

from datetime import UTC, datetime
from itertools import pairwise

from veilleur.domain.sla.calendar import (
    clock_due,
    clock_elapsed,
    next_periods,
    parse_calendar,
)

HOUR = 3_600
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NINE_TO_FIVE = {day: [["09:00", "17:00"]] for day in DAYS[:5]}
AROUND_THE_CLOCK = {day: [["00:00", "24:00"]] for day in DAYS}


def calendar(zone="UTC", weekly=NINE_TO_FIVE, **fields):
    return parse_calendar({"time_zone": zone, "weekly": weekly, **fields})


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# 2026-11-23 is a Monday.
MONDAY = utc("2026-11-23T09:00")


def pause(start, stop):
    return utc(f"2026-11-{start}"), utc(f"2026-11-{stop}")


def test_only_the_open_part_of_a_pause_moves_the_deadline():
    over_night = [pause("23T16:00", "24T10:00")]
    assert clock_due(calendar(), utc("2026-11-23T15:00"), 2 * HOUR, over_night) == utc("2026-11-24T11:00")
    assert clock_elapsed(calendar(), utc("2026-11-23T15:00"), utc("2026-11-24T11:00"), over_night) == 2 * HOUR


def test_pauses_keep_their_seconds_and_two_in_one_minute_both_count():
    pauses = [pause("23T10:00:01.5", "23T10:00:11"), pause("23T10:00:20", "23T10:00:50.25")]
    assert clock_due(calendar(), utc("2026-11-23T10:00"), 60, pauses) == utc("2026-11-23T10:01:39.75")


def test_a_pause_in_the_hour_that_comes_twice_is_not_ambiguous():
    nights = calendar("Europe/Paris", weekly={"sat": [["22:00", "06:00"]]})
    second_pass = [(utc("2026-10-25T01:10"), utc("2026-10-25T01:20"))]
    assert clock_elapsed(nights, utc("2026-10-25T00:00"), utc("2026-10-25T02:00"), second_pass) == 110 * 60


def test_pauses_may_overlap_and_come_in_any_order():
    pauses = [pause("23T11:00", "23T12:00"), pause("23T10:00", "23T11:30"), pause("23T11:00", "23T11:00")]
    assert clock_due(calendar(), MONDAY, 2 * HOUR, pauses) == utc("2026-11-23T13:00")
    assert clock_due(calendar(), utc("2026-11-23T13:00"), -2 * HOUR, pauses) == MONDAY


def test_a_clock_due_where_a_pause_starts_is_not_moved_by_it():
    assert clock_due(calendar(), MONDAY, HOUR, [pause("23T10:00", "25T10:00")]) == utc("2026-11-23T10:00")


def test_a_clock_of_no_seconds_is_due_when_it_first_counts():
    assert clock_due(calendar(), MONDAY, 0, [pause("23T08:00", "24T12:00")]) == utc("2026-11-24T12:00")


def test_the_first_period_begins_now_when_it_is_open_now():
    assert next_periods(calendar(), utc("2026-11-27T15:00"), 2) == [
        (utc("2026-11-27T15:00"), utc("2026-11-27T17:00")),
        (utc("2026-11-30T09:00"), utc("2026-11-30T17:00")),
    ]


def test_hours_that_touch_are_one_period_over_midnight_and_over_years():
    weekend = calendar(weekly={"sat": [["00:00", "24:00"]], "sun": [["00:00", "12:00"], ["12:00", "24:00"]]})
    assert next_periods(weekend, MONDAY, 1) == [(utc("2026-11-28T00:00"), utc("2026-11-30T00:00"))]
    nearly = calendar(weekly=AROUND_THE_CLOCK, holidays=["2026-11-24", "2031-01-01"])
    assert next_periods(nearly, MONDAY, 2) == [
        (MONDAY, utc("2026-11-24T00:00")),
        (utc("2026-11-25T00:00"), utc("2031-01-01T00:00")),
    ]


def test_a_calendar_that_never_closes_has_one_period_until_the_end_of_counting():
    assert next_periods(calendar(weekly=AROUND_THE_CLOCK), MONDAY, 3) == [(MONDAY, utc("2201-01-01T00:00"))]


def test_a_calendar_that_runs_dry_gives_the_periods_it_has():
    dated = calendar(weekly={}, overrides={"2026-12-01": [["09:00", "10:00"]], "2026-12-02": [["09:00", "10:00"]]})
    assert len(next_periods(dated, MONDAY, 5)) == 2


def test_periods_are_in_order_and_apart():
    periods = next_periods(calendar("Europe/Paris", holiday_country="FR"), MONDAY, 500)
    assert len(periods) == 500
    assert all(one[0] < one[1] < other[0] for one, other in pairwise(periods))
