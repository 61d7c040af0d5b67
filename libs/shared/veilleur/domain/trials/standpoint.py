"""What one rule set would do with one item, small enough to compare and to count."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from veilleur.domain.rules.outcome import Escalate, Outcome, show_outcome

Kind = Literal["allow", "escalate", "restrict", "remove"]
KINDS: tuple[Kind, ...] = ("allow", "escalate", "restrict", "remove")
"""From the mildest to the most severe: a person may still say anything."""

RANK: Mapping[Kind, int] = {kind: rank for rank, kind in enumerate(KINDS)}
ACTING = frozenset({"restrict", "remove"})
"""What touches an author's words without a person having looked."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """`rule` decided, None for the fallback; `queue` and `priority` for an escalation alone."""

    kind: Kind
    rule: str | None
    queue: str | None = None
    priority: str | None = None

    @property
    def acts(self) -> bool:
        return self.kind in ACTING


def take_standpoint(outcome: Outcome, rule: str | None) -> Standpoint:
    if isinstance(outcome, Escalate):
        return Standpoint("escalate", rule, outcome.queue, outcome.priority)
    return Standpoint(outcome.verdict, rule)


def read_standpoint(outcome: Mapping[str, Any], rule: str | None) -> Standpoint:
    """Of an outcome as it is stored: `{"verdict"}` or `{"escalate"}`."""
    escalate = outcome.get("escalate")
    if escalate is None:
        return Standpoint(outcome["verdict"], rule)
    return Standpoint("escalate", rule, escalate.get("queue"), escalate.get("priority"))


def is_harsher(before: Standpoint, after: Standpoint) -> bool:
    """It would restrict or remove what so far is treated more mildly."""
    return after.acts and RANK[after.kind] > RANK[before.kind]


def is_milder(before: Standpoint, after: Standpoint) -> bool:
    """It would let pass, or treat more mildly, what is restricted or removed so far."""
    return before.acts and RANK[after.kind] < RANK[before.kind]


def show_sides(before: Outcome, after: Outcome) -> dict[str, object]:
    return {"before": show_outcome(before), "after": show_outcome(after)}
