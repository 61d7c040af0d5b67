"""How much may come in: quotas and backlogs, worked out without a clock of their own."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.tenancy.quota import (
    LONGEST_WAIT_S,
    Limits,
    Use,
    find_backlog_wait,
    find_period_end,
    find_used_up,
    round_wait,
)

A, B, C = (UUID(int=number) for number in (1, 2, 3))


def test_quotas_are_used_up_by_the_item_that_reaches_them():
    limits = Limits(items_per_day=10, items_per_month=100)
    assert find_used_up(limits, Use(9, 99)) is None
    assert find_used_up(limits, Use(10, 50)) == "day"
    assert find_used_up(limits, Use(10, 100)) == "month"
    assert find_used_up(Limits(), Use(10**9, 10**9)) is None


@pytest.mark.parametrize(
    ("period", "now", "end"),
    [
        ("day", "2026-11-22T22:59:00", "2026-11-22T23:00:00"),
        ("day", "2026-11-22T23:30:00", "2026-11-23T23:00:00"),
        ("day", "2026-03-28T23:30:00", "2026-03-29T22:00:00"),
        ("month", "2026-11-22T10:00:00", "2026-11-30T23:00:00"),
        ("month", "2026-12-31T23:30:00", "2027-01-31T23:00:00"),
        ("month", "2027-01-31T10:00:00", "2027-01-31T23:00:00"),
    ],
)
def test_days_and_months_end_by_the_clients_clock(period, now, end):
    instant, expected = (datetime.fromisoformat(one).replace(tzinfo=UTC) for one in (now, end))
    assert find_period_end(period, instant, "Europe/Paris") == expected


def test_a_backlog_holds_up_whose_it_is_and_nobody_else():
    backlog = {A: 100, B: 3}
    assert find_backlog_wait(backlog, A, 100) == 5.0
    assert find_backlog_wait(backlog, B, 100) == 0.0
    assert find_backlog_wait(backlog, C, 100) == 0.0
    assert find_backlog_wait({A: 10**6}, A, 100) == LONGEST_WAIT_S


def test_when_the_whole_agency_is_behind_those_with_most_wait_first():
    many = {UUID(int=number): 90 for number in range(10, 15)} | {B: 3}
    assert find_backlog_wait(many, UUID(int=10), 100) > 0
    assert find_backlog_wait(many, B, 100) == 0.0


@given(st.floats(0, 1e6), st.floats(0, 1))
def test_a_wait_is_told_in_whole_seconds_and_never_too_short(seconds, chance):
    told = round_wait(seconds, chance)
    assert told >= max(1, seconds)
    assert told <= seconds * 1.25 + 1
