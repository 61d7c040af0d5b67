"""A calendar that runs dry is refused by name: no search without end, no answer out of thin air."""

from datetime import UTC, datetime, timedelta

import pytest

from veilleur.domain.sla.calendar import (
    HORIZON,
    add_open_seconds,
    clock_due,
    is_open,
    next_periods,
    open_seconds_between,
    parse_calendar,
)
from veilleur.domain.sla.calendar_hours import BLOCK, open_block
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


def test_a_search_ends_with_the_400_days_it_may_take():
    open_block.cache_clear()
    for seconds in (1, -1):
        with pytest.raises(Invalid):
            add_open_seconds(calendar(**ONCE), utc("2050-01-01T00:00"), seconds)
    assert open_block.cache_info().misses <= 2 * (HORIZON // BLOCK + 2) + 3  # both ways, and the check of the calendar


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
