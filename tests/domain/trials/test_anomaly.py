"""A rule's fire rate against its own usual one."""

import random

import pytest

from veilleur.domain.trials.anomaly import MIN_WINDOWS, Window, find_anomaly

STEADY = [Window(1_000, 50 + step % 5) for step in range(48)]


def test_a_rule_that_suddenly_fires_ten_times_as_often_is_found():
    odd = find_anomaly(STEADY, Window(1_000, 500))
    assert odd is not None
    assert (odd.usual_rate, odd.rate) == (0.052, 0.5)
    assert odd.sigmas > 20


def test_a_rule_that_falls_silent_is_found_too():
    odd = find_anomaly(STEADY, Window(1_000, 0))
    assert odd is not None
    assert odd.sigmas < -5


@pytest.mark.parametrize("last", [Window(1_000, 55), Window(1_000, 75), Window(5_000, 260), Window(100, 9)])
def test_the_usual_the_slightly_more_and_the_mere_traffic_are_not(last):
    assert find_anomaly(STEADY, last) is None


def test_yesterdays_spike_does_not_hide_todays():
    spiked = STEADY[:40] + [Window(1_000, 600)] * 8
    assert find_anomaly(spiked, Window(1_000, 600)) is not None


def test_a_rule_restless_by_nature_is_left_alone():
    restless = [Window(1_000, 20 if step % 2 else 180) for step in range(48)]
    assert find_anomaly(restless, Window(1_000, 190)) is None


def test_a_rule_that_never_fired_and_now_does_is_found():
    silent = [Window(500, 0)] * 48
    assert find_anomaly(silent, Window(500, 25)) is not None
    assert find_anomaly(silent, Window(500, 5)) is None


def test_nothing_is_said_of_too_short_a_past_or_too_little_traffic():
    assert find_anomaly(STEADY[: MIN_WINDOWS - 1], Window(1_000, 900)) is None
    assert find_anomaly(STEADY, Window(10, 10)) is None
    assert find_anomaly([Window(3, 0)] * 100, Window(1_000, 900)) is None


def test_chance_alone_raises_no_alarm_in_a_year_of_windows():
    chance = random.Random(7)
    windows = [Window(300, sum(chance.random() < 0.02 for _ in range(300))) for _ in range(400)]
    assert [at for at in range(100, 400) if find_anomaly(windows[at - 100 : at], windows[at])] == []
