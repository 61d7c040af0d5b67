"""A share of a sample with what it may really be: Wilson's score interval at 95 %."""

from dataclasses import dataclass
from math import sqrt

Z = 1.959964
"""The two-sided 95 % point of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of`. Without a sample nothing is known: the value is None and the interval is everything."""

    hits: int
    of: int

    @property
    def value(self) -> float | None:
        return self.hits / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float]:
        """Between which shares the true one lies, 19 times of 20 (Wilson 1927); right for 0 and for few, too."""
        if not self.of:
            return 0.0, 1.0
        share, spread = self.hits / self.of, Z * Z / self.of
        middle = (share + spread / 2) / (1 + spread)
        reach = Z * sqrt(share * (1 - share) / self.of + spread / (4 * self.of)) / (1 + spread)
        return max(0.0, middle - reach), min(1.0, middle + reach)

    def show(self) -> dict[str, object]:
        low, high = self.interval
        value = self.value
        return {
            "value": None if value is None else round(value, 6),
            "interval": [round(low, 6), round(high, 6)],
            "hits": self.hits,
            "of": self.of,
        }


@dataclass(frozen=True, slots=True)
class Confusion:
    """What rules would act on against what people acted on."""

    both: int = 0
    rules_only: int = 0
    people_only: int = 0
    neither: int = 0

    def add(self, *, rules: bool, people: bool, times: int = 1) -> "Confusion":
        return Confusion(
            self.both + times * (rules and people),
            self.rules_only + times * (rules and not people),
            self.people_only + times * (people and not rules),
            self.neither + times * (not rules and not people),
        )

    @property
    def precision(self) -> Share:
        """Of what the rules would act on, how much people acted on."""
        return Share(self.both, self.both + self.rules_only)

    @property
    def recall(self) -> Share:
        """Of what people acted on, how much the rules would."""
        return Share(self.both, self.both + self.people_only)

    @property
    def judged(self) -> int:
        return self.both + self.rules_only + self.people_only + self.neither

    def show(self) -> dict[str, object]:
        return {"precision": self.precision.show(), "recall": self.recall.show(), "judged": self.judged}
