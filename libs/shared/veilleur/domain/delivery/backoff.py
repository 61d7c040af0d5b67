"""When a delivery is tried again, and what an answer means for it. Pure: the caller brings chance and the clock."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import TypeAlias

SCHEDULE_S = (5, 300, 1_800, 7_200, 18_000, 36_000, 36_000)
"""Seconds from one failed attempt to the next."""
DAILY_S = 86_400
"""What follows the schedule, until `GIVE_UP_AFTER` has passed."""
GIVE_UP_AFTER = timedelta(days=3)
"""From the first attempt to the last one."""

JITTER = 0.2
"""Delays are spread by this share either way, so that endpoints that failed together don't come back together."""

RETRY_AFTER_LIMIT_S = 3_600
"""A receiver may ask for an hour in any case, and for twice the planned delay where that is longer."""

Jitter: TypeAlias = float
"""A random number in [0, 1)."""

OVERLOADED = frozenset({429, 502, 503, 504})
"""Statuses by which a receiver, or what stands before it, says that it has too much to do."""


class ReplyOutcome(StrEnum):
    """What becomes of a delivery after an answer."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of an attempt: an HTTP status, or the reason there was none."""

    status: int | None = None
    error: str | None = None
    permanent: bool = False
    retry_after_s: int | None = None
    took_ms: int | None = None


def next_attempt(
    attempt: int, since_first: timedelta, *, jitter: Jitter, retry_after_s: int | None = None
) -> timedelta | None:
    """How long to wait after the `attempt`-th attempt (1 is the first) has failed; None when it was the last.

    `since_first` is how long ago the first attempt began: the last one comes three days after it, whatever the
    schedule and the receiver say. `retry_after_s` is what the receiver asked for: never less than the planned delay,
    never more than `RETRY_AFTER_LIMIT_S` or twice that delay, whichever is longer.
    """
    if attempt < 1:
        raise ValueError("attempts count from 1")
    left = (GIVE_UP_AFTER - since_first).total_seconds()
    if left <= 0:
        return None
    planned = SCHEDULE_S[attempt - 1] if attempt <= len(SCHEDULE_S) else DAILY_S
    delay = planned * (1 - JITTER + 2 * JITTER * jitter)
    if retry_after_s is not None:
        delay = min(max(delay, retry_after_s), max(2 * delay, RETRY_AFTER_LIMIT_S))
    return timedelta(seconds=min(delay, left))


def judge_reply(status: int) -> ReplyOutcome:
    """2xx is delivered, 410 is a receiver that wants no more of it, everything else is tried again.

    A redirect counts as a failure: it is never followed (Standard Webhooks 1.0.0).
    """
    if 200 <= status < 300:
        return ReplyOutcome.DELIVERED
    return ReplyOutcome.REFUSED if status == 410 else ReplyOutcome.RETRY


def read_outcome(result: Result) -> ReplyOutcome:
    """What an answer, or none, means for the delivery."""
    return ReplyOutcome.RETRY if result.status is None else judge_reply(result.status)


def read_retry_after(header: str | None, now: datetime) -> int | None:
    """Seconds asked for by a `Retry-After` (RFC 9110, 10.2.3: a number or a date); None when it says neither."""
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return int(text)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(0, round((until - now).total_seconds()))


_SECONDS = re.compile("[0-9]{1,9}")
