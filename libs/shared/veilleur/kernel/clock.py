"""The process clock: the only place that reads it. Leases and deadlines use the database clock (`app_now()`)."""

from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, in UTC."""
    return datetime.now(UTC)


def to_rfc3339(instant: datetime) -> str:
    """`2026-11-22T10:00:00Z`; a fraction is kept when there is one."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def has_instant(moment: datetime) -> bool:
    """Whether an aware time can be told in UTC: `0001-01-01T00:00+14:00` lies in a year 0 that nobody here knows."""
    try:
        moment.astimezone(UTC)
    except OverflowError:
        return False
    return True
