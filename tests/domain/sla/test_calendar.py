"""Each test is a way in which other help desks got business time wrong, or a rule that had to be pinned."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from veilleur.domain.sla.calendar import (
    add_open_seconds,
    clock_due,
    clock_elapsed,
    is_open,
    next_periods,
    open_seconds_between,
    parse_calendar,
)
from veilleur.domain.sla.calendar_hours import open_block
from veilleur.kernel.errors import Invalid

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


# Precedence


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


# Clocks that move


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Paris", "2026-10-25", 25),
        ("Europe/Paris", "2026-03-29", 23),
        ("America/New_York", "2026-11-01", 25),
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("America/Havana", "2026-11-01", 25),  # clocks go back at 01:00, to midnight
        ("America/Sao_Paulo", "2018-11-04", 23),  # the day starts at 01:00
        ("Africa/Monrovia", "1972-01-07", 24 - 44.5 / 60),  # an offset in odd seconds, until then
    ],
)
def test_a_whole_day_counts_the_hours_it_really_has(zone, day, hours):
    only = calendar(zone, weekly={}, overrides={day: [["00:00", "24:00"]]})
    around = utc(f"{day}T00:00")
    assert open_seconds_between(only, around - timedelta(days=2), around + timedelta(days=3)) == hours * HOUR


def test_a_date_that_was_left_out_has_no_hours_and_its_neighbours_keep_theirs():
    samoa = calendar("Pacific/Apia", weekly={day: [["09:00", "17:00"]] for day in DAYS})
    thursday, saturday = next_periods(samoa, utc("2011-12-29T12:00"), 2)
    assert thursday == (utc("2011-12-29T19:00"), utc("2011-12-30T03:00"))  # 2011-12-29 at -10:00
    assert saturday == (utc("2011-12-30T19:00"), utc("2011-12-31T03:00"))  # 2011-12-31 at +14:00


@pytest.mark.parametrize(("zone", "day"), [("Pacific/Apia", "2011-12-30"), ("Pacific/Kiritimati", "1994-12-31")])
def test_a_calendar_open_only_on_a_date_that_was_left_out_is_never_open(zone, day):
    with pytest.raises(Invalid) as refused:
        calendar(zone, weekly={}, overrides={day: [["00:00", "24:00"]]})
    assert refused.value.slug == "no-open-time"


def test_an_edge_that_is_jumped_over_moves_forward_and_one_passed_twice_is_the_first():
    spring = calendar("Europe/Paris", weekly={"sun": [["02:30", "05:00"]]})
    assert next_periods(spring, utc("2026-03-29T00:00"), 1) == [(utc("2026-03-29T01:30"), utc("2026-03-29T03:00"))]
    autumn = calendar("Europe/Paris", weekly={"sun": [["02:30", "05:00"]]})
    assert next_periods(autumn, utc("2026-10-25T00:00"), 1) == [(utc("2026-10-25T00:30"), utc("2026-10-25T04:00"))]
    closing = calendar("Europe/Paris", weekly={"sun": [["01:00", "02:30"]]})
    assert next_periods(closing, utc("2026-10-24T12:00"), 1) == [(utc("2026-10-24T23:00"), utc("2026-10-25T00:30"))]
    half_hour = calendar("Australia/Lord_Howe", weekly={"sun": [["02:10", "05:00"]]})
    assert next_periods(half_hour, utc("2026-10-03T12:00"), 1) == [(utc("2026-10-03T15:40"), utc("2026-10-03T18:00"))]


def test_hours_that_a_jump_turns_around_are_no_hours():
    spring = calendar("Europe/Paris", weekly={"sun": [["02:30", "03:00"]]})
    assert open_seconds_between(spring, utc("2026-03-28T00:00"), utc("2026-03-30T00:00")) == 0


def test_a_deadline_walks_in_physical_time_over_a_change_of_clocks():
    nights = calendar("Europe/Paris", weekly={"sat": [["22:00", "06:00"]]})
    assert add_open_seconds(nights, utc("2026-10-24T20:00"), 9 * HOUR) == utc("2026-10-25T05:00")
    assert add_open_seconds(nights, utc("2026-03-28T21:00"), 7 * HOUR) == utc("2026-03-29T04:00")


# Holidays of a country


def test_the_holidays_of_a_country_are_those_of_the_whole_country():
    france = calendar("Europe/Paris", holiday_country="FR")
    good_friday, labour_day, whole = utc("2026-04-03T00:00"), utc("2026-05-01T00:00"), timedelta(days=1)
    assert open_seconds_between(france, labour_day, labour_day + whole) == 0
    assert open_seconds_between(france, good_friday, good_friday + whole) == 8 * HOUR
    moselle = calendar("Europe/Paris", holiday_country="FR", holiday_subdivision="57")
    assert open_seconds_between(moselle, good_friday, good_friday + whole) == 0


def test_holidays_do_not_depend_on_which_year_was_asked_first():
    def closed_days(years):
        france = calendar("Europe/Paris", holiday_country="FR")
        open_block.cache_clear()
        spans = {year: (utc(f"{year}-01-01T00:00"), utc(f"{year + 1}-01-01T00:00")) for year in years}
        return {year: open_seconds_between(france, *spans[year]) for year in years}

    assert closed_days(range(2020, 2030)) == closed_days(range(2029, 2019, -1))


def test_years_without_known_holidays_are_counted_without_them():
    india = calendar("Asia/Kolkata", holiday_country="IN")
    assert add_open_seconds(india, utc("2150-01-01T00:00"), 40 * HOUR) > utc("2150-01-01T00:00")


# Pauses


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


# What comes next


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


# No search without end

ONCE = {"weekly": {}, "overrides": {"2026-12-01": [["09:00", "10:00"]]}}


@pytest.mark.parametrize(
    ("start", "seconds"),
    [
        ("2026-11-23T09:00", HOUR + 1),
        ("2026-12-01T10:00", 0),
        ("2026-12-01T09:00", -1),
        ("2026-11-23T09:00", -1),
        ("2025-10-01T00:00", 1),
        ("2190-01-01T00:00", 1),
    ],
)
def test_a_calendar_closed_for_over_400_days_is_refused_by_name(start, seconds):
    with pytest.raises(Invalid) as refused:
        add_open_seconds(calendar(**ONCE), utc(start), seconds)
    assert refused.value.slug == "no-open-time"


def test_exactly_400_closed_days_are_waited_for():
    opening = utc("2026-12-01T09:00")
    assert add_open_seconds(calendar(**ONCE), opening - timedelta(days=400), 0) == opening
    assert add_open_seconds(calendar(**ONCE), opening + timedelta(days=400, hours=1), -HOUR) == opening
    with pytest.raises(Invalid):
        add_open_seconds(calendar(**ONCE), opening - timedelta(days=400, microseconds=1), 0)
    with pytest.raises(Invalid):
        add_open_seconds(calendar(**ONCE), opening + timedelta(days=400, hours=1, microseconds=1), -1)


def test_a_calendar_run_dry_falls_back_neither_to_wall_time_nor_to_an_answer():
    with pytest.raises(Invalid):
        next_periods(calendar(**ONCE), utc("2030-01-01T00:00"), 1)
    assert not is_open(calendar(**ONCE), utc("2030-01-01T00:00"))
    assert open_seconds_between(calendar(**ONCE), utc("2030-01-01T00:00"), utc("2031-01-01T00:00")) == 0


def test_a_pause_as_long_as_all_time_ends_the_search():
    forever = [(utc("1900-01-01T00:00"), utc("2200-12-31T23:59:59"))]
    with pytest.raises(Invalid) as refused:
        clock_due(calendar(), MONDAY, HOUR, forever)
    assert refused.value.slug == "no-open-time"


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sparse_calendar_asked_for_ten_years_of_open_time_ends(sign):
    with pytest.raises(Invalid) as refused:
        add_open_seconds(calendar(weekly={"mon": [["09:00", "09:01"]]}), MONDAY, sign * 10 * 366 * 86_400)
    assert refused.value.slug == "no-open-time"


@pytest.mark.parametrize(
    "moment", ["1899-12-31T23:59:59.999999", "2201-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00"]
)
def test_instants_outside_the_counted_years_are_refused(moment):
    for ask in (
        lambda at: add_open_seconds(calendar(), at, 1),
        lambda at: open_seconds_between(calendar(), MONDAY, at),
        lambda at: is_open(calendar(), at),
        lambda at: next_periods(calendar(), at, 1),
        lambda at: clock_due(calendar(), MONDAY, 1, [(at, at)]),
    ):
        with pytest.raises(Invalid):
            ask(utc(moment))


def test_counting_reaches_both_ends_of_the_counted_years():
    always = calendar(weekly=AROUND_THE_CLOCK)
    assert add_open_seconds(always, utc("2200-12-31T23:00"), HOUR) == utc("2201-01-01T00:00")
    assert add_open_seconds(always, utc("1900-01-01T01:00"), -HOUR) == utc("1900-01-01T00:00")
    for start, seconds in (("2200-12-31T23:00", HOUR + 1), ("1900-01-01T01:00", -HOUR - 1)):
        with pytest.raises(Invalid):
            add_open_seconds(always, utc(start), seconds)
