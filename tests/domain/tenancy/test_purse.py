"""The purse of a rate, alone and shared, without a clock of its own."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.tenancy.purse import Purse, draw, find_burst, find_slice, find_wait, take_slice
from veilleur.domain.tenancy.quota import Limits


@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 200),
    calls=st.lists(st.tuples(st.floats(0, 3), st.integers(1, 40)), min_size=1, max_size=60),
)
def test_never_more_than_burst_and_rate_and_one_call(rate, burst, calls):
    limits, purse, at, taken = Limits(rate, burst), None, 0.0, 0
    for pause, cost in calls:
        at += pause
        purse, wait = draw(purse, limits, cost, at)
        taken += 0 if wait else cost
        assert taken <= burst + rate * at + 40 + 1e-6


@given(rate=st.integers(1, 50), cost=st.integers(1, 500))
def test_who_waits_as_long_as_told_is_let_in(rate, cost):
    limits = Limits(rate, 1)
    purse, _ = draw(None, limits, cost, 0.0)
    purse, wait = draw(purse, limits, 1, 0.0)
    assert wait > 0
    assert draw(purse, limits, 1, wait + 1e-6)[1] == 0.0


def test_without_a_limit_there_is_no_purse():
    assert draw(None, Limits(), 10**9, 0.0) == (None, 0.0)


def test_a_clock_that_goes_back_takes_nothing_away():
    limits = Limits(10, 10)
    purse, _ = draw(None, limits, 5, 100.0)
    assert draw(purse, limits, 1, 50.0)[1] == 0.0


@dataclass
class Process:
    """Spends its slices, and comes for the next when a whole item is no longer in hand."""

    limits: Limits
    held: float = 0.0

    def call(self, purse: Purse | None, cost: int, at: float) -> tuple[Purse | None, bool]:
        if self.held < 1:
            purse, taken = take_slice(purse, self.limits, find_slice(self.limits), self.held, at)
            self.held = taken
        let_in = self.held >= 1
        self.held -= cost if let_in else 0
        return purse, let_in


@given(
    rate=st.integers(1, 50),
    burst=st.integers(1, 200),
    calls=st.lists(st.tuples(st.integers(0, 3), st.floats(0, 1), st.integers(1, 40)), min_size=1, max_size=80),
)
def test_four_processes_let_in_what_one_would(rate, burst, calls):
    """On top there is only the last call of each: what it owes is handed in at its next."""
    limits, purse, at, let_in = Limits(rate, burst), None, 0.0, 0
    processes = [Process(limits) for _ in range(4)]
    for which, pause, cost in calls:
        at += pause
        purse, taken = processes[which].call(purse, cost, at)
        let_in += cost if taken else 0
        assert let_in <= burst + rate * at + 4 * 40 + 1e-6


@given(rate=st.integers(1, 1_000), burst=st.integers(1, 1_000), calls=st.integers(1, 300))
def test_calls_one_by_one_are_let_in_to_the_item(rate, burst, calls):
    purse, process = None, Process(Limits(rate, burst))
    answers = []
    for _ in range(calls):
        purse, let_in = process.call(purse, 1, 0.0)
        answers.append(let_in)
    assert answers == [number < burst for number in range(calls)]


@given(
    tokens=st.floats(-1_000, 1_000),
    carried=st.floats(-100, 1),
    pause=st.floats(0, 100),
    rate=st.integers(1, 100),
    size=st.floats(1, 300),
)
def test_a_slice_comes_out_of_the_purse_and_a_debt_goes_into_it(tokens, carried, pause, rate, size):
    limits = Limits(rate, 200)
    before = min(200.0, min(200.0, tokens + pause * rate) + carried)
    purse, taken = take_slice(Purse(tokens, 50.0), limits, size, carried, 50.0 + pause)
    assert purse.tokens + taken == pytest.approx(before, abs=1e-6)
    assert (taken == 0) == (before < 1)
    assert taken <= size
    assert taken == 0 or purse.tokens >= -1e-9


def test_a_slice_is_a_quarter_of_a_second_or_a_fiftieth_of_a_burst_and_one_item_for_each_call_at_least():
    assert [find_slice(limits) for limits in (Limits(1), Limits(100), Limits(100, 10_000), Limits(1, 3))] == [
        1.0,
        25.0,
        200.0,
        1.0,
    ]
    assert find_slice(Limits(1, 40), calls=30) == 30.0
    assert (find_burst(Limits(7)), find_burst(Limits(7, 3)), find_burst(Limits())) == (7.0, 3.0, 0.0)


def test_the_wait_is_until_one_item_is_there():
    assert find_wait(Purse(-4.0, 10.0), Limits(10, 10), 10.0) == pytest.approx(0.5)
    assert find_wait(Purse(-4.0, 10.0), Limits(10, 10), 10.6) == 0.0
    assert find_wait(None, Limits(10, 10), 10.0) == find_wait(None, Limits(), 10.0) == 0.0
