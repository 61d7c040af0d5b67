"""How a demo moderator decides: the annotator's label, said in the words of the client's guide."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from veilleur.dev.demo_samples import Label

Verdict = Literal["allow", "restrict", "remove"]

# What a label may be called in a client's catalogue, the best word first.
_POLICIES: Mapping[Label, Sequence[str]] = {
    "toxic": ("toxicity", "insult", "harassment", "hate", "other"),
    "spam": ("spam", "off_topic", "other"),
    "clean": (),
}


@dataclass(frozen=True, slots=True)
class GuideAction:
    code: str
    verdict: Verdict
    targets: Sequence[str]
    needs_until: bool


@dataclass(frozen=True, slots=True)
class GuidePolicy:
    code: str
    default_actions: Sequence[str]


@dataclass(frozen=True, slots=True)
class Guide:
    """A client's policies and actions, as far as a case allows them."""

    policies: Sequence[GuidePolicy]
    actions: Sequence[GuideAction]


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a moderator says: a verdict, the codes of its actions on the item, the codes of its policies."""

    verdict: Verdict
    actions: Sequence[str] = ()
    policies: Sequence[str] = ()


def choose_decision(label: Label, guide: Guide) -> Ruling:
    """`clean` is allowed; anything else gets the first fitting policy of the guide and that policy's own action.

    An action decides the verdict it goes with. Where the policy names none that can be taken on an item at once, the
    guide's first such action stands in; a guide without any still gets the verdict `restrict`.
    """
    if label == "clean":
        return Ruling("allow")
    policy = _choose_policy(label, guide)
    action = next(_rank_actions(policy, guide), None)
    policies = (policy.code,) if policy else ()
    return Ruling(action.verdict, (action.code,), policies) if action else Ruling("restrict", (), policies)


def read_guide(document: Mapping[str, Any], allowed: Mapping[str, Any]) -> Guide:
    """The guide that `GET …/clients/{id}/guide` answers, cut to the codes an assignment's own `guide` lists."""
    return Guide(
        policies=tuple(
            GuidePolicy(entry["code"], tuple(entry["default_actions"]))
            for entry in document["policies"]
            if entry["code"] in allowed["policies"]
        ),
        actions=tuple(
            GuideAction(entry["code"], entry["verdict"], tuple(entry["targets"]), entry["needs_until"])
            for entry in document["actions"]
            if entry["code"] in allowed["actions"]
        ),
    )


def _choose_policy(label: Label, guide: Guide) -> GuidePolicy | None:
    by_code = {policy.code: policy for policy in guide.policies}
    fitting = (by_code[code] for code in _POLICIES[label] if code in by_code)
    return next(fitting, guide.policies[0] if guide.policies else None)


def _rank_actions(policy: GuidePolicy | None, guide: Guide) -> Iterator[GuideAction]:
    usable = {
        action.code: action
        for action in guide.actions
        if action.verdict != "allow" and "item" in action.targets and not action.needs_until
    }
    yield from (usable[code] for code in (policy.default_actions if policy else ()) if code in usable)
    yield from usable.values()
