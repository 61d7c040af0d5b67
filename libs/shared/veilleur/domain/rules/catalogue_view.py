"""What a client's rules may say, as far as the check of a rule set needs it."""

from collections.abc import Mapping
from dataclasses import dataclass

from veilleur.domain.rules.outcome import Target, Verdict


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """`verdict` is the least verdict that goes with the action; `needs_until`: it must say how long it lasts."""

    verdict: Verdict
    targets: frozenset[Target]
    needs_until: bool = False


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Codes of policies and queues, actions by code.

    `languages` are the client's; `providers` the names it may ask, None where that is not looked up.
    """

    policies: frozenset[str]
    actions: Mapping[str, ActionSpec]
    queues: frozenset[str]
    languages: tuple[str, ...] = ()
    providers: frozenset[str] | None = None

    @property
    def gathered(self) -> dict[str, object]:
        """What is known of every item of this client."""
        return {"client.languages": list(self.languages)} if self.languages else {}
