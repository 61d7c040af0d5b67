"""What rules can decide: a verdict with actions and policies, or a queue where people decide."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from veilleur.kernel.clock import to_rfc3339

Verdict = Literal["allow", "restrict", "remove"]
VERDICTS: tuple[Verdict, ...] = ("allow", "restrict", "remove")
"""From the mildest to the most severe."""

Target = Literal["item", "author"]
Priority = Literal["low", "normal", "high", "urgent"]
PRIORITIES: tuple[Priority, ...] = ("low", "normal", "high", "urgent")
Interim = Literal["publish", "withhold"]


@dataclass(frozen=True, slots=True)
class RuleAction:
    """An action of the client's catalogue, ready to be recorded; `params` are flat scalars."""

    code: str
    target: Target
    until: datetime | None = None
    text: str | None = None
    params: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True, slots=True)
class Decide:
    verdict: Verdict
    actions: tuple[RuleAction, ...] = ()
    policies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Escalate:
    """`interim` None: what the client shows until the verdict by default. `policies`: the suspicion."""

    queue: str
    priority: Priority = "normal"
    skills: tuple[str, ...] = ()
    interim: Interim | None = None
    policies: tuple[str, ...] = field(default=())


Outcome = Decide | Escalate


def show_action(action: RuleAction) -> dict[str, object]:
    """The contract's action object; what is not set is left out."""
    shown: dict[str, object] = {"code": action.code, "target": action.target}
    if action.until is not None:
        shown["until"] = to_rfc3339(action.until)
    if action.text is not None:
        shown["text"] = action.text
    if action.params:
        shown["params"] = dict(action.params)
    return shown


def show_outcome(outcome: Outcome) -> dict[str, object]:
    """`{"verdict", "actions", "policies"}` or `{"escalate": {"queue", "priority", "skills", "interim"}, "policies"}`"""
    if isinstance(outcome, Decide):
        return {
            "verdict": outcome.verdict,
            "actions": [show_action(action) for action in outcome.actions],
            "policies": list(outcome.policies),
        }
    escalate: dict[str, object] = {
        "queue": outcome.queue,
        "priority": outcome.priority,
        "skills": list(outcome.skills),
        "interim": outcome.interim,
    }
    return {"escalate": escalate, "policies": list(outcome.policies)}
