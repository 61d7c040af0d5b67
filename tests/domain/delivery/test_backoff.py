from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.domain.delivery.backoff import SCHEDULE_S, ReplyOutcome, judge_reply, next_attempt, read_retry_after

ATTEMPTS = range(1, len(SCHEDULE_S) + 1)
CHANCE = st.floats(0, 1, exclude_max=True)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)


def delay(attempt, jitter=0.5, retry_after_s=None, *, overloaded=False):
    return next_attempt(attempt, jitter=jitter, retry_after_s=retry_after_s, overloaded=overloaded).total_seconds()


def test_twelve_attempts_span_about_75_hours():
    waits = [delay(attempt) for attempt in ATTEMPTS]
    assert waits == pytest.approx([2, 10, 60, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400])
    assert 75 <= sum(waits) / 3600 <= 76


@pytest.mark.parametrize("attempt", [12, 13, 1000])
def test_after_the_last_attempt_the_delivery_is_dead(attempt):
    assert next_attempt(attempt, jitter=0.5, retry_after_s=60, overloaded=True) is None


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt):
    with pytest.raises(ValueError, match="from 1"):
        next_attempt(attempt, jitter=0.5)


@given(st.sampled_from(ATTEMPTS), CHANCE)
def test_a_delay_is_spread_by_a_fifth_either_way(attempt, jitter):
    planned = SCHEDULE_S[attempt - 1]
    assert 0.8 * planned <= delay(attempt, jitter) + 1e-3
    assert delay(attempt, jitter) < 1.2 * planned + 1e-3


def test_jitter_reaches_both_ends():
    assert delay(4, 0.0) == pytest.approx(240)
    assert delay(4, 0.999999) == pytest.approx(360, abs=0.01)


def test_an_overloaded_receiver_is_left_alone_for_a_minute_from_the_third_failure_on():
    assert [delay(attempt, 0.0, overloaded=True) for attempt in (1, 2, 3, 4)] == pytest.approx([1.6, 8, 60, 240])
    assert delay(3, 0.0) == pytest.approx(48)


@pytest.mark.parametrize(
    ("attempt", "asked", "wait"),
    [
        (1, 0, 2),
        (1, -5, 2),
        (1, 1, 2),
        (1, 120, 120),
        (1, 3_600, 3_600),
        (1, 10**9, 3_600),
        (5, 60, 1_800),
        (5, 3_000, 3_000),
        (5, 3_601, 3_600),
        (6, 14_000, 14_000),
        (6, 20_000, 14_400),
        (11, 10**9, 172_800),
    ],
)
def test_retry_after_is_honoured_between_the_plan_and_an_hour_or_twice_the_plan(attempt, asked, wait):
    assert delay(attempt, 0.5, asked) == pytest.approx(wait)


@given(st.sampled_from(ATTEMPTS), CHANCE, st.none() | st.integers(), st.booleans())
def test_no_receiver_can_pull_an_attempt_forward_or_park_it_for_ever(attempt, jitter, asked, overloaded):
    wait = delay(attempt, jitter, asked, overloaded=overloaded)
    plain = delay(attempt, jitter, overloaded=overloaded)
    assert plain <= wait <= max(2 * plain, 3_600) + 1e-3


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
    assert next_attempt(1, jitter=0, retry_after_s=seconds) <= timedelta(hours=1)
