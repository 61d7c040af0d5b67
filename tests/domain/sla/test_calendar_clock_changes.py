"""Days that are not 24 hours long, dates that were left out, and holidays that differ by country and year."""

from datetime import UTC, datetime, timedelta

import pytest

from veilleur.domain.sla.calendar import (
    add_open_seconds,
    next_periods,
    open_seconds_between,
    parse_calendar,
)
from veilleur.domain.sla.calendar_hours import open_block
from veilleur.kernel.errors import Invalid

HOUR = 3_600
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
NINE_TO_FIVE = {day: [["09:00", "17:00"]] for day in DAYS[:5]}


def calendar(zone="UTC", weekly=NINE_TO_FIVE, **fields):
    return parse_calendar({"time_zone": zone, "weekly": weekly, **fields})


def utc(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


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
        calendar(zone, weekly={}, overrides={day: [["09:00", "17:00"]]})
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


def test_years_whose_holidays_are_not_all_known_are_counted_all_the_same():
    india = calendar("Asia/Kolkata", holiday_country="IN")
    assert add_open_seconds(india, utc("2050-12-30T00:00"), HOUR) == utc("2050-12-30T04:30")
