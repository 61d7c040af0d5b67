"""The windows in which it is counted how often rules fire; pure."""

from datetime import datetime, timedelta

WINDOW = timedelta(minutes=10)
LATE = timedelta(seconds=5)
"""What was evaluated in a window may be committed a little after it."""


def floor_window(instant: datetime) -> datetime:
    """The last boundary between two windows at or before `instant`."""
    return instant - (instant - datetime.min.replace(tzinfo=instant.tzinfo)) % WINDOW


def find_count_time(instant: datetime) -> datetime:
    """When the window of `instant` can be counted."""
    return floor_window(instant) + WINDOW + LATE
