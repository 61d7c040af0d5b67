"""When a delivery is tried again, and what an answer means for it. Pure: the caller brings chance and the clock.

The schedule is the example of Standard Webhooks 1.0.0 with a denser start: 12 attempts within about 76 hours.
"""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum

SCHEDULE_S = (2, 10, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""Seconds from one failed attempt to the next."""

JITTER = 0.2
"""Delays are spread by this share either way, so that endpoints that failed together don't come back together."""

OVERLOAD_FLOOR_S = 60
OVERLOAD_FLOOR_FROM = 3
"""From this failed attempt on, a receiver that is overloaded is left alone for at least `OVERLOAD_FLOOR_S`. Before it,
a single 502 of a restarting server would cost a minute."""

RETRY_AFTER_LIMIT_S = 3_600
"""A receiver may ask for an hour in any case, and for twice the planned delay where that is longer."""

OVERLOADED = frozenset({429, 502, 504})
"""Statuses by which a receiver says that it has too much to do; a timeout says the same."""


class ReplyOutcome(StrEnum):
    """What becomes of a delivery after an answer."""

    DELIVERED = "delivered"
    RETRY = "retry"
    REFUSED = "refused"


def next_attempt(
    attempt: int, *, jitter: float, retry_after_s: int | None = None, overloaded: bool = False
) -> timedelta | None:
    """How long to wait after the `attempt`-th attempt (1 is the first) has failed; None when it was the last.

    `jitter` is a random number in [0, 1). `retry_after_s` is what the receiver asked for: never less than the planned
    delay, never more than `RETRY_AFTER_LIMIT_S` or twice that delay, whichever is longer.
    """
    if attempt < 1:
        raise ValueError("attempts count from 1")
    if attempt > len(SCHEDULE_S):
        return None
    delay = SCHEDULE_S[attempt - 1] * (1 - JITTER + 2 * JITTER * jitter)
    if overloaded and attempt >= OVERLOAD_FLOOR_FROM:
        delay = max(delay, OVERLOAD_FLOOR_S)
    if retry_after_s is not None:
        delay = min(max(delay, retry_after_s), max(2 * delay, RETRY_AFTER_LIMIT_S))
    return timedelta(seconds=delay)


def judge_reply(status: int) -> ReplyOutcome:
    """2xx is delivered, 410 is a receiver that wants no more of it, everything else is tried again.

    A redirect counts as a failure: it is never followed (Standard Webhooks 1.0.0).
    """
    if 200 <= status < 300:
        return ReplyOutcome.DELIVERED
    return ReplyOutcome.REFUSED if status == 410 else ReplyOutcome.RETRY


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
