"""From a decision to what is done on the platform, and from a changed mind to what is taken back; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from veilleur.domain.catalogue.models import Verdict
from veilleur.domain.delivery.actions.protocol import Actor, Target


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing to do. Without an `operation` it can't be, for the `reason` given."""

    target: Target
    operation: str | None
    code: str | None = None
    """The catalogue's action that it is for; None: it follows from the verdict itself."""
    until: datetime | None = None
    reason: str | None = None
    ends_with: str | None = None
    """The operation that ends it at `until`, where the platform does not by itself."""


@dataclass(frozen=True, slots=True)
class Overrides:
    """The owner's own words: operations by the catalogue's action code, and by verdict; None: do nothing."""

    actions: Mapping[str, str | None]
    verdicts: Mapping[str, str | None]

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Overrides":
        return cls(document.get("actions", {}), document.get("verdicts", {}))


@dataclass(frozen=True, slots=True)
class Ruling:
    """What was decided; `verdicts` are those of the catalogue's actions, by code."""

    verdict: Verdict
    actions: Sequence[Mapping[str, Any]]
    verdicts: Mapping[str, str]
    awaited: bool
    """Whether somebody there waits for an answer: the platform holds the item, or a member has reported it."""


def plan_wishes(actor: Actor, overrides: Overrides, ruling: Ruling) -> list[Wish]:
    """What is to be done for a decision: each of its actions, and where none is about the item, what the verdict asks.

    Two actions that come to the same operation are one.
    """
    wishes = [wish for action in ruling.actions if (wish := _plan_action(actor, overrides, ruling, action))]
    if not any(action.get("target", "item") == "item" for action in ruling.actions):
        operation = _find_by_verdict(actor, overrides, ruling)
        wishes += [Wish("item", operation)] if operation else []
    unique: dict[tuple[str, str | None], Wish] = {}
    for wish in wishes:
        unique.setdefault((wish.target, wish.operation or f"?{wish.code}"), wish)
    return list(unique.values())


def _plan_action(actor: Actor, overrides: Overrides, ruling: Ruling, action: Mapping[str, Any]) -> Wish | None:
    code, target = str(action["code"]), cast("Target", action.get("target", "item"))
    until = datetime.fromisoformat(action["until"]) if action.get("until") else None
    if code in overrides.actions:
        operation = overrides.actions[code]
        if operation is None:
            return None
        # The owner's word holds for the target that the operation has.
        target = actor.operations[operation].target if operation in actor.operations else target
    else:
        verdict = cast("Verdict", ruling.verdicts.get(code, ruling.verdict))
        operation = actor.defaults.get((verdict, target))
    if operation is None or operation not in actor.operations:
        return Wish(target, None, code, until, "no_operation")
    known = actor.operations[operation]
    ends_with = None if until is None or known.ends else known.undo
    return Wish(target, operation, code, until, ends_with=ends_with)


def _find_by_verdict(actor: Actor, overrides: Overrides, ruling: Ruling) -> str | None:
    if ruling.verdict == "allow" and not ruling.awaited:
        return None
    chosen = overrides.verdicts.get(ruling.verdict, actor.defaults.get((ruling.verdict, "item")))
    return chosen if chosen in actor.operations else None


@dataclass(frozen=True, slots=True)
class Standing:
    """What was done, or may have been, for a decision that is taken back."""

    target: Target
    operation: str
    until: datetime | None


def find_kept(standing: Mapping[UUID, Standing], wishes: Sequence[Wish]) -> set[UUID]:
    """Of what was done, that which is wished for again."""
    wanted = {(wish.target, wish.operation, wish.until) for wish in wishes}
    return {one for one, done in standing.items() if (done.target, done.operation, done.until) in wanted}


def plan_undoing(actor: Actor, standing: Mapping[UUID, Standing]) -> list[tuple[UUID, Wish]]:
    """How each is taken back, the last done first."""
    undoing = []
    for one, done in reversed(list(standing.items())):
        undo = actor.operations[done.operation].undo if done.operation in actor.operations else None
        undoing.append((one, Wish(done.target, undo, reason=None if undo else "cannot_undo")))
    return undoing
