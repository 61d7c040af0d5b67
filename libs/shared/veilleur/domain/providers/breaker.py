"""When a provider that fails is left alone for a while; pure."""

from datetime import datetime
from typing import Literal

OPEN_AFTER = 5
"""Failures in a row."""
PAUSE_S = 30

BreakerState = Literal["closed", "open", "half_open"]


def read_breaker(failures: int, open_until: datetime | None, now: datetime) -> BreakerState:
    """`closed`: it is called; `open`: it is not; `half_open`: one call may find out whether it is back."""
    if failures < OPEN_AFTER:
        return "closed"
    return "open" if open_until is not None and open_until > now else "half_open"
