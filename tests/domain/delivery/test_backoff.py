from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.delivery.backoff import (
    DAILY_S,
    SCHEDULE_S,
    ReplyOutcome,
    judge_reply,
    next_attempt,
    read_retry_after,
)

ATTEMPTS = range(1, 12)
CHANCE = st.floats(0, 1, exclude_max=True)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
START = timedelta(0)


def delay(attempt, jitter=0.5, retry_after_s=None, since_first=START):
    return next_attempt(attempt, since_first, jitter=jitter, retry_after_s=retry_after_s).total_seconds()


def walk(jitter, retry_after_s=None):
    """Seconds from the first attempt to each that follows it."""
    at, offsets, attempt = timedelta(0), [], 1
    while (wait := next_attempt(attempt, at, jitter=jitter, retry_after_s=retry_after_s)) is not None:
        at += wait
        attempt += 1
        offsets.append(at.total_seconds())
    return offsets


def test_the_schedule_grows_to_a_day_and_ends_three_days_after_the_first_attempt():
    waits = [5, 300, 1_800, 7_200, 18_000, 36_000, 36_000, 86_400]
    assert walk(0.5) == pytest.approx([*(sum(waits[: place + 1]) for place in range(8)), 259_200])


@given(CHANCE, st.none() | st.integers())
def test_whatever_chance_and_receiver_say_the_last_attempt_comes_after_three_days(jitter, asked):
    offsets = walk(jitter, asked)
    assert offsets[-1] == pytest.approx(259_200)
    assert len(offsets) <= 10


@pytest.mark.parametrize("late", [timedelta(days=3), timedelta(days=400)])
def test_after_three_days_the_delivery_is_dead(late):
    assert next_attempt(1, late, jitter=0.5, retry_after_s=60) is None


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt):
    with pytest.raises(ValueError, match="from 1"):
        next_attempt(attempt, START, jitter=0.5)


@given(st.sampled_from(ATTEMPTS), CHANCE)
def test_a_delay_is_spread_by_a_fifth_either_way(attempt, jitter):
    planned = (*SCHEDULE_S, *[DAILY_S] * 4)[attempt - 1]
    assert 0.8 * planned <= delay(attempt, jitter) + 1e-3
    assert delay(attempt, jitter) < 1.2 * planned + 1e-3


def test_jitter_reaches_both_ends():
    assert delay(2, 0.0) == pytest.approx(240)
    assert delay(2, 0.999999) == pytest.approx(360, abs=0.01)


@pytest.mark.parametrize(
    ("attempt", "asked", "wait"),
    [
        (1, 0, 5),
        (1, -5, 5),
        (1, 4, 5),
        (1, 120, 120),
        (1, 3_600, 3_600),
        (1, 10**9, 3_600),
        (3, 60, 1_800),
        (3, 3_000, 3_000),
        (3, 3_601, 3_600),
        (4, 14_000, 14_000),
        (4, 20_000, 14_400),
        (8, 10**9, 172_800),
    ],
)
def test_retry_after_is_honoured_between_the_plan_and_an_hour_or_twice_the_plan(attempt, asked, wait):
    assert delay(attempt, 0.5, asked) == pytest.approx(wait)


@given(st.sampled_from(ATTEMPTS), CHANCE, st.none() | st.integers())
def test_no_receiver_can_pull_an_attempt_forward_or_park_it_for_ever(attempt, jitter, asked):
    plain = delay(attempt, jitter)
    assert plain <= delay(attempt, jitter, asked) <= max(2 * plain, 3_600) + 1e-3


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status):
    assert judge_reply(status) is ReplyOutcome.DELIVERED


def test_410_is_refused_for_good():
    assert judge_reply(410) is ReplyOutcome.REFUSED


@pytest.mark.parametrize(
    "status", [100, 199, 300, 301, 302, 307, 308, 400, 401, 403, 404, 409, 411, 429, 500, 502, 503, 504, 599, 999]
)
def test_everything_else_is_tried_again(status):
    assert judge_reply(status) is ReplyOutcome.RETRY


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("999999999", 999_999_999),
        ("Sun, 22 Nov 2026 10:02:00 GMT", 120),
        ("Sun, 22 Nov 2026 10:02:00 -0000", 120),
        ("Sun, 22 Nov 2026 11:02:00 +0100", 120),
        ("Sun, 22 Nov 2026 09:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("٣", None),
        ("9" * 10, None),
        ("Sun, 99 Nov 2026 10:02:00 GMT", None),
        ("Sun, 22 Nov 99999 10:02:00 GMT", None),
    ],
)
def test_retry_after_is_a_number_or_a_date_or_nothing(header, seconds):
    assert read_retry_after(header, NOW) == seconds


@given(
    st.text(max_size=60) | st.from_regex(r"\w{3}, \d{1,9} Nov \d{1,9} \d{1,9}:\d\d:\d\d [+-]\d{1,12}", fullmatch=True)
)
def test_no_retry_after_raises(header):
    seconds = read_retry_after(header, NOW)
    assert seconds is None or seconds >= 0
    assert next_attempt(1, START, jitter=0, retry_after_s=seconds) <= timedelta(hours=1)
