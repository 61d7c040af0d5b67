"""Whether a rule suddenly fires far more, or far less, often than it usually does; pure.

The usual rate is the median over past windows and its own unrest their median absolute deviation, so that a spike of
yesterday does not make today's look usual. To that comes the chance of counting: `sqrt` of what is expected (Poisson).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

MIN_WINDOWS = 12
MIN_TRAFFIC = 20
"""A window with fewer items says nothing about a rate."""
MIN_EXCESS = 10
"""Fewer firings beyond the expected ones are not worth anybody's evening."""
SIGMAS = 5.0
FACTOR = 2.0
"""And it has to be twice, or half, the usual."""

_TO_SIGMA = 1.4826
"""From a median absolute deviation to the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Window:
    """How many items were evaluated in it, and on how many of them the rule fired."""

    evaluated: int
    fired: int

    @property
    def rate(self) -> float:
        return self.fired / self.evaluated


@dataclass(frozen=True, slots=True)
class Anomaly:
    """`usual_rate` and `rate` are shares of the items; `sigmas` below 0: too few."""

    evaluated: int
    fired: int
    expected: float
    usual_rate: float
    rate: float
    sigmas: float

    def show(self) -> dict[str, object]:
        return {
            "evaluated": self.evaluated,
            "fired": self.fired,
            "expected": round(self.expected, 2),
            "usual_rate": round(self.usual_rate, 6),
            "rate": round(self.rate, 6),
            "sigmas": round(self.sigmas, 1),
        }


def find_anomaly(history: Sequence[Window], last: Window) -> Anomaly | None:
    """What is odd about the last window; None as well where there is too little to say."""
    past = [window for window in history if window.evaluated >= MIN_TRAFFIC]
    if len(past) < MIN_WINDOWS or last.evaluated < MIN_TRAFFIC:
        return None
    rates = [window.rate for window in past]
    usual = median(rates)
    unrest = _TO_SIGMA * median(abs(rate - usual) for rate in rates)
    expected = usual * last.evaluated
    sigma = sqrt(max(_expect_at_least(past, last), expected) + (unrest * last.evaluated) ** 2)
    odd = Anomaly(last.evaluated, last.fired, expected, usual, last.rate, (last.fired - expected) / sigma)
    return odd if _matters(odd) else None


def _expect_at_least(past: Sequence[Window], last: Window) -> float:
    """For a rule too rare for its median: what is expected if it fires on one item more than ever seen."""
    return last.evaluated / sum(window.evaluated for window in past)


def _matters(odd: Anomaly) -> bool:
    if abs(odd.sigmas) < SIGMAS or abs(odd.fired - odd.expected) < MIN_EXCESS:
        return False
    return odd.fired >= FACTOR * odd.expected or odd.fired * FACTOR <= odd.expected
