"""Which hours count, and where a budget ends: each test is a rule, or a way in which help desks got it wrong."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from veilleur.domain.sla.calendar import (
    add_open_seconds,
    is_open,
    next_periods,
    open_seconds_between,
    parse_calendar,
)
from veilleur.domain.sla.calendar_hours import BLOCK, EPOCH

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


def test_a_budget_used_up_exactly_at_closing_is_due_at_closing():
    assert add_open_seconds(calendar(), MONDAY, 8 * HOUR) == utc("2026-11-23T17:00")
    assert add_open_seconds(calendar(), MONDAY, 8 * HOUR + 1) == utc("2026-11-24T09:00:01")


def test_counting_back_a_budget_used_up_exactly_at_opening_ends_at_opening():
    closing = utc("2026-11-24T17:00")
    assert add_open_seconds(calendar(), closing, -8 * HOUR) == utc("2026-11-24T09:00")
    assert add_open_seconds(calendar(), closing, -8 * HOUR - 1) == utc("2026-11-23T16:59:59")


def test_a_warning_an_hour_before_due_skips_the_night_and_the_weekend():
    due = utc("2026-11-23T09:30")
    assert add_open_seconds(calendar(), due, -HOUR) == utc("2026-11-20T16:30")


def test_a_split_day_has_no_deadline_at_midnight_or_at_lunch():
    split = calendar(weekly={day: [["09:00", "12:00"], ["14:00", "18:00"]] for day in DAYS[:5]})
    deadlines = [add_open_seconds(split, MONDAY, minutes * 60) for minutes in range(1, 7 * 60 * 5, 7)]
    assert all(is_open(split, due - timedelta(microseconds=1)) for due in deadlines)
    assert add_open_seconds(split, utc("2026-11-23T13:00"), -HOUR) == utc("2026-11-23T11:00")


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("2026-11-23T09:00", "2026-11-23T09:00"),
        ("2026-11-23T16:59:59.999999", "2026-11-23T16:59:59.999999"),
        ("2026-11-23T17:00", "2026-11-24T09:00"),
        ("2026-11-21T12:00", "2026-11-23T09:00"),
    ],
)
def test_no_seconds_are_now_when_open_and_the_next_opening_when_closed(start, expected):
    assert add_open_seconds(calendar(), utc(start), 0) == utc(expected)


def test_hours_are_half_open():
    assert is_open(calendar(), MONDAY)
    assert not is_open(calendar(), MONDAY - timedelta(microseconds=1))
    assert is_open(calendar(), utc("2026-11-23T16:59:59.999999"))
    assert not is_open(calendar(), utc("2026-11-23T17:00"))


def test_each_day_closes_by_its_own_hours_after_the_clock_moves_on_to_it():
    short_tuesday = calendar(weekly={**NINE_TO_FIVE, "tue": [["09:00", "11:00"]]})
    assert add_open_seconds(short_tuesday, utc("2026-11-23T16:00"), 4 * HOUR) == utc("2026-11-25T10:00")


def test_a_gap_of_more_than_72_hours_is_walked_through():
    mondays = calendar(weekly={"mon": [["09:00", "10:00"]]})
    assert add_open_seconds(mondays, utc("2026-11-23T09:30"), HOUR) == utc("2026-11-30T09:30")
    assert add_open_seconds(mondays, utc("2026-11-30T09:30"), -HOUR) == utc("2026-11-23T09:30")


def test_the_last_minute_of_a_day_counts():
    assert open_seconds_between(calendar(weekly=AROUND_THE_CLOCK), MONDAY, MONDAY + timedelta(days=7)) == 7 * 24 * HOUR
    evening = calendar(weekly={"mon": [["22:00", "24:00"]]})
    assert open_seconds_between(evening, MONDAY, MONDAY + timedelta(days=1)) == 2 * HOUR
    assert is_open(evening, utc("2026-11-23T23:59:59.999999"))


def test_microseconds_are_counted_exactly():
    start, stop = utc("2026-11-23T16:59:59.999999"), utc("2026-11-24T09:00:00.000001")
    assert open_seconds_between(calendar(), start, stop) == 0.000002
    assert add_open_seconds(calendar(), start, 0.000002) == stop
    years = open_seconds_between(calendar(), utc("1990-01-01T00:00:00.000001"), utc("2190-06-01T09:00:00.000002"))
    assert round(years * 1_000_000) % 1_000_000 == 2


def test_no_time_passes_backwards():
    assert open_seconds_between(calendar(), utc("2026-11-23T15:00"), utc("2026-11-23T10:00")) == 0
    assert open_seconds_between(calendar(), MONDAY, MONDAY) == 0


def test_instants_in_other_zones_are_the_same_instants():
    paris_time = datetime.fromisoformat("2026-11-23T18:00:00+01:00")
    assert not is_open(calendar(), paris_time)
    due = add_open_seconds(calendar(), paris_time, HOUR)
    assert due == utc("2026-11-24T10:00")
    assert due.tzinfo is UTC


def test_a_holiday_wins_over_an_override_and_a_break_over_both_kinds_of_hours():
    dated = calendar(
        overrides={"2026-11-23": [["08:00", "12:00"]], "2026-11-24": [["08:00", "12:00"]], "2026-11-28": []},
        breaks={"2026-11-24": [["10:00", "11:00"]], "2026-11-25": [["12:00", "13:00"]]},
        holidays=["2026-11-23"],
    )
    week = next_periods(dated, utc("2026-11-22T00:00"), 4)
    assert [f"{opens:%a %H}-{closes:%H}" for opens, closes in week] == [
        "Tue 08-10",
        "Tue 11-12",
        "Wed 09-12",
        "Wed 13-17",
    ]


def test_an_override_opens_a_day_that_is_closed_every_week_and_an_empty_one_closes_a_day():
    dated = calendar(overrides={"2026-11-28": [["10:00", "11:00"]], "2026-11-23": []})
    assert open_seconds_between(dated, utc("2026-11-28T00:00"), utc("2026-11-29T00:00")) == HOUR
    assert open_seconds_between(dated, utc("2026-11-23T00:00"), utc("2026-11-24T00:00")) == 0


def test_a_night_belongs_to_the_day_it_starts_on():
    nights = calendar(weekly={"mon": [["22:00", "06:00"]], "tue": [["22:00", "06:00"]]}, holidays=["2026-11-24"])
    assert is_open(nights, utc("2026-11-24T05:59"))
    assert not is_open(nights, utc("2026-11-24T23:00"))
    assert not is_open(nights, utc("2026-11-25T03:00"))


def test_a_break_reaches_past_midnight_as_hours_do():
    nights = calendar(weekly={"mon": [["22:00", "06:00"]]}, breaks={"2026-11-23": [["23:30", "00:30"]]})
    assert open_seconds_between(nights, MONDAY, MONDAY + timedelta(days=1)) == 7 * HOUR
    before = calendar(weekly={"mon": [["22:00", "06:00"]]}, breaks={"2026-11-24": [["05:00", "05:30"]]})
    assert open_seconds_between(before, MONDAY, MONDAY + timedelta(days=1)) == 7.5 * HOUR


def test_the_same_start_and_end_are_a_whole_day():
    day_long = calendar(weekly={"mon": [["09:00", "09:00"]]})
    assert next_periods(day_long, utc("2026-11-23T00:00"), 1) == [(MONDAY, MONDAY + timedelta(days=1))]


def test_overlapping_hours_count_once():
    doubled = calendar(
        weekly={"mon": [["09:00", "13:00"], ["12:00", "17:00"], ["22:00", "03:00"]], "tue": [["02:00", "04:00"]]}
    )
    assert open_seconds_between(doubled, utc("2026-11-23T00:00"), utc("2026-11-25T00:00")) == 14 * HOUR


@pytest.mark.parametrize(
    "exception",
    [
        {"holidays": ["2026-12-25"]},
        {"holiday_country": "FR"},
        {"overrides": {"2026-12-25": []}},
        {"breaks": {"2026-12-25": [["00:00", "24:00"]]}},
    ],
)
def test_even_a_calendar_open_around_the_clock_closes_when_told_to(exception):
    christmas = utc("2026-12-25T00:00")
    always = calendar(weekly=AROUND_THE_CLOCK, **exception)
    assert open_seconds_between(always, christmas, christmas + timedelta(days=1)) == 0
    assert add_open_seconds(always, christmas, HOUR) == utc("2026-12-26T01:00")


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Kathmandu", "UTC", "Pacific/Pago_Pago"])
@pytest.mark.parametrize(("start", "end", "minutes"), [("23:59", "23:58", 1_439), ("00:00", "24:00", 1_440)])
def test_hours_are_whole_where_two_cached_blocks_meet(zone, start, end, minutes):
    meeting = EPOCH + timedelta(microseconds=BLOCK) * 742
    for days in range(-4, 5):
        day = (meeting + timedelta(days=days)).date()
        opens = datetime.combine(day, time.fromisoformat(start), tzinfo=ZoneInfo(zone))
        dated = calendar(zone, weekly={}, overrides={day.isoformat(): [[start, end]]})
        weekly = calendar(zone, weekly={DAYS[day.weekday()]: [[start, end]]})
        for each in (dated, weekly):
            periods = next_periods(each, opens - timedelta(days=1), 1)
            assert periods == [(opens, opens + timedelta(minutes=minutes))]
