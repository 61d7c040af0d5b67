"""How much of the traffic a change of rules would treat otherwise: the guard before a publish; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from veilleur.domain.trials.intervals import Share
from veilleur.domain.trials.standpoint import Standpoint, is_harsher, is_milder

DEFAULT_LIMIT = 5.0
"""Percent of the traffic that one person may change the fate of."""

ENOUGH = 20
"""Below this many contexts a share says nothing: one item of three is a third of the traffic."""


@dataclass(frozen=True, slots=True)
class Blast:
    """Of `contexts` recent items, how many would be acted on that are not now, and the reverse."""

    contexts: int
    harsher: int
    milder: int

    def exceeds(self, limit: float) -> bool:
        """Whether either way is beyond `limit` percent, and there is enough traffic to say so."""
        if self.contexts < ENOUGH:
            return False
        return max(self.harsher, self.milder) * 100 > limit * self.contexts

    def show(self, limit: float) -> dict[str, object]:
        return {
            "contexts": self.contexts,
            "acts_newly": Share(self.harsher, self.contexts).show(),
            "acts_no_more": Share(self.milder, self.contexts).show(),
            "limit_percent": limit,
        }


def measure_blast(pairs: Iterable[tuple[Standpoint, Standpoint]]) -> Blast:
    """Of pairs (before, after)."""
    contexts = harsher = milder = 0
    for before, after in pairs:
        contexts += 1
        harsher += is_harsher(before, after)
        milder += is_milder(before, after)
    return Blast(contexts, harsher, milder)
