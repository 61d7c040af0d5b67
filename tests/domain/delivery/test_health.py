"""Pace, breaker, warnings and the end of an endpoint, by answers and instants alone."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.delivery.backoff import Result
from veilleur.domain.delivery.health import (
    DISABLE_AFTER,
    FREE_PACE,
    LONGEST_PAUSE_S,
    OPEN_AFTER,
    SOUND,
    Limits,
    count_permitted,
    find_end,
    find_warning,
    is_open,
    is_over,
    name_state,
    note_result,
    pay_calls,
)

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
FREE = Limits(10, None)
OK, FAULT, BUSY = Result(status=204), Result(status=500), Result(status=429)


def seconds(number):
    return timedelta(seconds=number)


def fold(results, health=SOUND, now=NOW):
    for result in results:
        health = note_result(health, result, now)
    return health


def permitted(health, now=NOW, limits=FREE, in_air=0, paid_until=None):
    return count_permitted(health, limits, in_air, paid_until, now)


# --- The breaker


def test_ten_failures_in_a_row_open_the_breaker_and_one_success_between_them_does_not():
    assert not is_open(fold([FAULT] * 9 + [OK] + [FAULT] * 9))
    assert is_open(fold([FAULT] * OPEN_AFTER))


def test_an_open_breaker_lets_nothing_through_and_then_one_call_at_a_time():
    open_one = fold([FAULT] * OPEN_AFTER)
    assert [permitted(open_one, NOW + seconds(after)) for after in (0, 29, 31)] == [0, 0, 1]
    assert permitted(open_one, NOW + seconds(31), in_air=1) == 0


def test_a_probe_that_fails_doubles_the_pause_up_to_five_minutes():
    health, now, pauses = fold([FAULT] * OPEN_AFTER), NOW, []
    for _ in range(6):
        now = health.held_until
        health = note_result(health, FAULT, now)
        pauses.append((health.held_until - now).total_seconds())
    assert pauses == [60, 120, 240, LONGEST_PAUSE_S, LONGEST_PAUSE_S, LONGEST_PAUSE_S]


def test_what_was_in_the_air_when_the_breaker_opened_does_not_lengthen_the_pause():
    health = fold([FAULT] * (OPEN_AFTER + 9))
    assert (health.failures, health.held_until) == (OPEN_AFTER, NOW + seconds(30))


def test_a_probe_that_succeeds_closes_it_at_once():
    health = note_result(fold([FAULT] * 12), OK, NOW + seconds(31))
    assert (health.failures, health.failing_since, permitted(health)) == (0, None, 10)
    assert (health.last_error, name_state(health, NOW, disabled=False)) == ("http_500", "ok")


# --- The pace


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_an_endpoint_with_too_much_to_do_rests_and_goes_on_slowly(status):
    health = note_result(SOUND, Result(status=status, retry_after_s=600), NOW)
    assert [permitted(health, NOW + seconds(after)) for after in (0, 599, 601)] == [0, 0, 1]
    assert name_state(health, NOW, disabled=False) == "failing"


@pytest.mark.parametrize(("asked", "rests"), [(None, 5), (0, 5), (-3, 1), (86_400, 3_600)])
def test_it_rests_within_bounds(asked, rests):
    health = note_result(SOUND, Result(status=429, retry_after_s=asked), NOW)
    assert health.held_until == NOW + seconds(rests)


def test_every_success_doubles_the_pace_until_none_is_kept():
    health = note_result(SOUND, BUSY, NOW)
    paces = []
    while health.pace_per_s is not None:
        health = note_result(health, OK, NOW + seconds(10))
        paces.append(health.pace_per_s)
    assert paces == [2, 4, 8, 16, 32, FREE_PACE, None]


def test_what_was_in_the_air_when_it_was_slowed_does_not_speed_it_up_again():
    health = fold([BUSY] + [OK] * 9)
    assert (health.pace_per_s, health.held_until, permitted(health)) == (1.0, NOW + seconds(5), 0)


def test_each_further_429_halves_the_pace_down_to_one_a_minute():
    health, now = SOUND, NOW
    for _ in range(9):
        health = note_result(health, BUSY, now)
        now = health.held_until
    assert health.pace_per_s == pytest.approx(1 / 60)


@given(st.floats(0.01, 1000), st.lists(st.floats(0, 5), min_size=1, max_size=60))
def test_no_rate_is_ever_exceeded_by_more_than_a_second_of_it(rate, gaps):
    limits, paid, now, sent = Limits(100, rate), None, NOW, 0
    for gap in gaps:
        now += timedelta(seconds=gap)
        calls = permitted(SOUND, now, limits, paid_until=paid)
        paid = pay_calls(SOUND, limits, paid, calls, now)
        sent += calls
    assert sent <= rate * (now - NOW).total_seconds() + max(rate, 1) + 1


def test_a_rate_is_reached_and_the_slower_of_two_counts():
    limits, paid, sent = Limits(10, 5.0), None, 0
    for tick in range(100):
        now = NOW + seconds(tick / 10)
        calls = permitted(SOUND, now, limits, paid_until=paid)
        paid = pay_calls(SOUND, limits, paid, calls, now)
        sent += calls
    assert 50 <= sent <= 55
    slowed = replace(SOUND, pace_per_s=1.0)
    assert permitted(slowed, NOW, limits) == 1
    assert pay_calls(SOUND, FREE, None, 3, NOW) is None


def test_no_more_are_in_the_air_than_the_owner_allows():
    assert [permitted(SOUND, limits=Limits(3, None), in_air=number) for number in (0, 2, 3, 7)] == [3, 1, 0, 0]


# --- Warnings and the end


def failing(share, warned=0, warned_ago=timedelta(days=2)):
    at = NOW - warned_ago
    since = NOW - DISABLE_AFTER * share
    return replace(SOUND, failures=20, failing_since=since, warned=warned, warned_at=at if warned else None)


@pytest.mark.parametrize(
    ("share", "warned", "due"),
    [
        (0.005, 0, None), (0.011, 0, 1), (0.4, 1, None), (0.5, 1, 50), (0.6, 50, None), (0.7, 50, 70), (0.91, 70, 90),
        (0.95, 0, 90), (1.5, 90, None),
    ],
)  # fmt: skip
def test_each_warning_is_given_once_at_its_share_of_the_time(share, warned, due):
    assert find_warning(failing(share, warned), NOW) == due


def test_it_ends_after_five_days_and_never_before_the_last_warning_has_stood_for_half_a_day():
    assert is_over(failing(1.0, 90), NOW)
    assert not is_over(failing(0.99, 90), NOW)
    assert not is_over(failing(9.0, 70), NOW)
    late = failing(9.0, 90, warned_ago=timedelta(hours=11))
    assert not is_over(late, NOW)
    assert find_end(late) == NOW + timedelta(hours=1)
    assert find_end(failing(0.5)) == NOW + DISABLE_AFTER / 2
    assert find_end(SOUND) is None


@given(st.lists(st.sampled_from([OK, FAULT, BUSY, Result(error="timeout")]), max_size=40))
def test_failing_since_stands_exactly_while_there_are_failures(results):
    health = fold(results)
    assert (health.failing_since is None) == (health.failures == 0)
    assert permitted(health) >= 0
