"""The purse that a rate is kept by, alone or shared by every process of an installation. Pure.

A purse fills by `items_per_s` up to `burst`, and a call is let in while a whole item is in it: a large one is paid for
by those after it.

Processes that share one do not go to it for every call. Each takes a slice ahead, spends that by itself, and hands in
what it has left, or owes, when it comes for the next. Whatever is spent was taken before, so all of them together let
in `burst` and the rate, and at the most one slice each on top within any stretch of time.
"""

from dataclasses import dataclass

from veilleur.domain.tenancy.quota import Limits

SLICE_S = 0.25
"""A slice is what flows in within this time,"""
SLICE_OF_BURST = 0.02
"""or this part of a whole purse, if that is more: a large one is not carried off in crumbs."""


@dataclass(frozen=True, slots=True)
class Purse:
    """`tokens` at an instant of a clock that only goes forward; below nothing is a debt."""

    tokens: float
    at: float


def draw(purse: Purse | None, limits: Limits, cost: int, at: float) -> tuple[Purse | None, float]:
    """The purse after a call of `cost` items, and for how many seconds the call has to wait; 0 lets it in."""
    if limits.items_per_s is None:
        return None, 0.0
    tokens = _fill(purse, limits, at)
    wait = find_wait(purse, limits, at)
    return Purse(tokens if wait else tokens - cost, at), wait


def find_wait(purse: Purse | None, limits: Limits, at: float) -> float:
    """Seconds until there is a whole item in a purse; 0 when there is one, or no rate."""
    if limits.items_per_s is None:
        return 0.0
    return max(0.0, 1.0 - _fill(purse, limits, at)) / limits.items_per_s


def take_slice(purse: Purse | None, limits: Limits, size: float, carried: float, at: float) -> tuple[Purse, float]:
    """A shared purse after a process came for a slice of `size`, and what it took: nothing where no whole item is.

    `carried` is what the process hands in, below nothing what it owes. The script in `infra/shared_purses` does the
    same where the purse is.
    """
    tokens = min(find_burst(limits), _fill(purse, limits, at) + carried)
    taken = min(tokens, size) if tokens >= 1 else 0.0
    return Purse(tokens - taken, at), taken


def find_slice(limits: Limits, calls: int = 1) -> float:
    """How much a process takes for `calls` that wait, and for those to come."""
    rate = limits.items_per_s or 0
    return max(float(calls), SLICE_S * rate, SLICE_OF_BURST * find_burst(limits))


def find_burst(limits: Limits) -> float:
    """What a full purse holds: a second's worth, where nothing else was agreed."""
    return float(limits.burst if limits.burst is not None else limits.items_per_s or 0)


def _fill(purse: Purse | None, limits: Limits, at: float) -> float:
    burst = find_burst(limits)
    if purse is None:
        return burst
    return min(burst, purse.tokens + max(0.0, at - purse.at) * (limits.items_per_s or 0))
