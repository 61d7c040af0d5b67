"""How an endpoint fares, and what that means for the next call: its pace, its breaker, its warnings, its end. Pure.

What is found here is kept in the endpoint's row, so that all workers go by the same.

- Too much to do (429, 503 and the like): nothing for as long as it asks, then slowly, faster with every success.
- Ten failures in a row open the breaker: one call at a time finds out whether it is back, after 30 seconds, then
  after twice as long, up to five minutes.
- Failing for five days without one success disables it, after warnings early on and at 50, 70 and 90 % of that time.
  410 disables it at once: the receiver said so itself.
"""

from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Literal

from veilleur.domain.delivery.backoff import OVERLOADED, RETRY_AFTER_LIMIT_S, ReplyOutcome, Result, read_outcome

OPEN_AFTER = 10
"""Failures in a row."""
PAUSE_S = 30
LONGEST_PAUSE_S = 300
DISABLE_AFTER = timedelta(days=5)
WARNINGS = (1, 50, 70, 90)
"""Percent of `DISABLE_AFTER`; the first is a little more than an hour."""
LAST_WORD = DISABLE_AFTER / 10
"""The last warning stands so long at least before the endpoint is disabled."""

PATIENCE_S = 5
"""For a receiver that says it has too much to do and not for how long."""
FIRST_PACE, SLOWEST_PACE, FREE_PACE = 1.0, 1 / 60, 64.0
"""Calls a second: after the first 429, at the least, and where no pace is kept any more."""
BURST_S = 1.0
"""A pace or rate may be taken up for so long at once."""

Disabled = Literal["gone", "failing"]
State = Literal["ok", "slowed", "failing", "open", "disabled"]


@dataclass(frozen=True, slots=True)
class Health:
    """Of an endpoint that is called; see the columns of the same names."""

    failures: int = 0
    failing_since: datetime | None = None
    held_until: datetime | None = None
    pace_per_s: float | None = None
    warned: int = 0
    warned_at: datetime | None = None
    last_error: str | None = None
    last_failed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """What the owner allows."""

    concurrency: int
    rate_per_s: float | None


SOUND = Health()
FACTS = tuple(field.name for field in fields(Health))


def read_health(row: object) -> Health:
    """From an endpoint's row."""
    return Health(**{name: getattr(row, name) for name in FACTS})


def note_result(health: Health, result: Result, now: datetime) -> Health:
    """The health after one more answer.

    What was in the air when an endpoint was held changes neither how long, nor how slowly it goes on afterwards.
    """
    held = health.held_until is not None and health.held_until > now
    if read_outcome(result) is ReplyOutcome.DELIVERED:
        return _recover(health, held=held)
    failed = replace(health, last_error=result.error or f"http_{result.status}", last_failed_at=now)
    if held and is_open(health):
        return failed
    failed = replace(failed, failures=health.failures + 1, failing_since=health.failing_since or now)
    return _hold(failed, result, now)


def find_warning(health: Health, now: datetime) -> int | None:
    """The warning that is due and was not given, the highest of them."""
    due = [percent for percent in WARNINGS if health.warned < percent and _share(health, now) * 100 >= percent]
    return max(due, default=None)


def is_over(health: Health, now: datetime) -> bool:
    """Whether it has failed for so long, and the last warning stood so long, that it is called no more."""
    warned = health.warned == WARNINGS[-1] and health.warned_at is not None and now - health.warned_at >= LAST_WORD
    return warned and _share(health, now) >= 1


def find_end(health: Health) -> datetime | None:
    """When it will be disabled if it goes on failing."""
    if health.failing_since is None:
        return None
    end = health.failing_since + DISABLE_AFTER
    if health.warned == WARNINGS[-1] and health.warned_at is not None:
        return max(end, health.warned_at + LAST_WORD)
    return end


def is_open(health: Health) -> bool:
    """Whether the breaker is open, or half open once `held_until` has passed."""
    return health.failures >= OPEN_AFTER


def count_permitted(health: Health, limits: Limits, in_air: int, paid_until: datetime | None, now: datetime) -> int:
    """How many calls may begin now, with `in_air` under way."""
    if health.held_until is not None and health.held_until > now:
        return 0
    if is_open(health):
        return 0 if in_air else 1
    permitted = max(0, limits.concurrency - in_air)
    rate = find_rate(health, limits)
    if rate is None:
        return permitted
    credit = (now + _burst(rate) - max(paid_until or now, now)).total_seconds()
    return min(permitted, int(credit * rate + 1e-6))


def pay_calls(
    health: Health, limits: Limits, paid_until: datetime | None, calls: int, now: datetime
) -> datetime | None:
    """The new `paid_until` after so many calls; None where no rate is kept."""
    rate = find_rate(health, limits)
    return None if rate is None else max(paid_until or now, now) + timedelta(seconds=calls / rate)


def find_rate(health: Health, limits: Limits) -> float | None:
    """Calls a second: the owner's or the slower one the endpoint asked for; None without either."""
    return min((one for one in (health.pace_per_s, limits.rate_per_s) if one is not None), default=None)


def name_state(health: Health, now: datetime, *, disabled: bool) -> State:
    """In a word."""
    if disabled:
        return "disabled"
    if is_open(health):
        return "open"
    if health.failures:
        return "failing"
    return "slowed" if health.pace_per_s is not None or (health.held_until or now) > now else "ok"


def _recover(health: Health, *, held: bool) -> Health:
    sound = replace(SOUND, last_error=health.last_error, last_failed_at=health.last_failed_at)
    if health.pace_per_s is None:
        return sound
    if held:
        return replace(sound, pace_per_s=health.pace_per_s, held_until=health.held_until)
    pace = health.pace_per_s * 2
    return replace(sound, pace_per_s=None if pace > FREE_PACE else pace)


def _hold(health: Health, result: Result, now: datetime) -> Health:
    pauses = [] if health.held_until is None else [(health.held_until - now).total_seconds()]
    if result.status in OVERLOADED:
        pace = FIRST_PACE if health.pace_per_s is None else max(SLOWEST_PACE, health.pace_per_s / 2)
        health = replace(health, pace_per_s=pace)
        pauses.append(min(max(result.retry_after_s or PATIENCE_S, 1), RETRY_AFTER_LIMIT_S))
    if is_open(health):
        doublings = min(health.failures - OPEN_AFTER, 10)
        pauses.append(min(PAUSE_S * 2**doublings, LONGEST_PAUSE_S))
    return replace(health, held_until=now + timedelta(seconds=max(pauses))) if pauses else health


def _share(health: Health, now: datetime) -> float:
    return 0.0 if health.failing_since is None else (now - health.failing_since) / DISABLE_AFTER


def _burst(rate: float) -> timedelta:
    """One call at least."""
    return timedelta(seconds=max(BURST_S, 1 / rate))
