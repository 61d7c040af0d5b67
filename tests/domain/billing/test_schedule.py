"""Billing periods: without a gap, without an overlap, in days of the client's own."""

from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.billing.period import Period
from veilleur.domain.billing.schedule import (
    Schedule,
    bound_period,
    find_by_month,
    list_periods,
    period_at,
    share_of_period,
)

DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
SCHEDULES = st.builds(
    Schedule,
    st.sampled_from(["month", "quarter", "year"]),
    DAYS,
    st.none(),
    st.none() | st.integers(1, 31),
)


@given(SCHEDULES, st.integers(0, 2_000))
def test_periods_follow_one_another_and_each_day_is_in_one(schedule, later):
    day = schedule.starts_on + timedelta(days=later)
    periods = list(list_periods(schedule, day + timedelta(days=1)))
    assert periods[0].first == schedule.starts_on
    assert all(one.past == other.first for one, other in pairwise(periods))
    assert [period for period in periods if period.first <= day < period.past] == [period_at(schedule, day)]


@given(SCHEDULES, st.integers(1, 1_000))
def test_a_contract_pays_for_its_days_and_no_others(schedule, length):
    ended = Schedule(
        schedule.interval, schedule.starts_on, schedule.starts_on + timedelta(days=length), schedule.anchor_day
    )
    periods = list(list_periods(ended, date(2100, 1, 1)))
    assert sum(period.days for period in periods) == length
    assert all(0 < share_of_period(ended, period) <= 1 for period in periods)
    assert period_at(ended, ended.ends_on) is None
    assert period_at(ended, ended.starts_on - timedelta(days=1)) is None


def test_an_anniversary_is_clamped_to_short_months_and_comes_back():
    schedule = Schedule("month", date(2026, 1, 31), anchor_day=31)
    firsts = [period.first for period in list_periods(schedule, date(2026, 5, 1))]
    assert firsts == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def test_an_anchor_day_may_lie_beyond_the_month_the_contract_begins_in():
    schedule = Schedule("quarter", date(2026, 2, 10), anchor_day=31)
    assert [period.first for period in list_periods(schedule, date(2026, 9, 1))] == [
        date(2026, 2, 10), date(2026, 2, 28), date(2026, 5, 31), date(2026, 8, 31),
    ]  # fmt: skip
    first = period_at(schedule, date(2026, 2, 10))
    assert first == Period(date(2026, 2, 10), date(2026, 2, 28))
    assert share_of_period(schedule, first) == Fraction(18, 90)


@pytest.mark.parametrize(
    ("zone", "month", "hours"),
    [
        ("Europe/Paris", date(2026, 3, 1), 31 * 24 - 1),
        ("Europe/Paris", date(2026, 10, 1), 31 * 24 + 1),
        ("America/New_York", date(2026, 11, 1), 30 * 24 + 1),
        ("Asia/Kolkata", date(2026, 11, 1), 30 * 24),
    ],
)
def test_a_month_has_the_hours_its_clocks_showed(zone, month, hours):
    (period,) = find_by_month(Schedule("month", date(2026, 1, 1)), month)
    first, past = bound_period(period, zone)
    assert past - first == timedelta(hours=hours)


def test_a_month_names_the_period_that_begins_in_it_or_else_the_one_around_it():
    quarter = Schedule("quarter", date(2026, 1, 1))
    assert find_by_month(quarter, date(2026, 4, 1)) == [Period(date(2026, 4, 1), date(2026, 7, 1))]
    assert find_by_month(quarter, date(2026, 5, 1)) == [Period(date(2026, 4, 1), date(2026, 7, 1))]
    moved = Schedule("month", date(2026, 1, 10), anchor_day=15)
    assert [period.first.day for period in find_by_month(moved, date(2026, 1, 1))] == [10, 15]
    assert find_by_month(moved, date(2025, 12, 1)) == []
