"""What becomes of one item; pure. Deleted, rehearsed, observed or judged for real."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.record import Detection, Verdict
from veilleur.domain.intake.models import Item
from veilleur.domain.review.open import Opening, Reason
from veilleur.domain.rules.evaluate import Evaluation, Match, evaluate
from veilleur.domain.rules.facts import ItemFacts, item_facts
from veilleur.domain.rules.outcome import Decide, Escalate, Outcome, show_action, show_outcome
from veilleur.domain.screening.automation import Automation
from veilleur.domain.screening.borrowing import borrow_facts
from veilleur.domain.screening.rule_sets import Published
from veilleur.domain.screening.standing import Standing
from veilleur.domain.sla.policy import Priority
from veilleur.kernel.ids import show_id

MAX_ATTEMPTS = 5
"""How often an item's screening is begun before a person gets it, without its client's rules: they may be the fault."""

REPORT_PRIORITY: Mapping[str, Priority] = {"authority": "urgent", "trusted_flagger": "high"}
"""Trusted flaggers come first (DSA art. 22), authorities before them; members and the platform as usual."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The item is gone: nothing is left to decide."""

    item: Item


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing new: what was decided stands."""

    item: Item


@dataclass(frozen=True, slots=True)
class Held:
    """A test that asks for a review: the client is told, no person is bothered."""

    item: Item


@dataclass(frozen=True, slots=True)
class Observed:
    """What would have been done, in a client's first week."""

    item: Item
    outcome: dict[str, Any]


Judgement = Verdict | Opening | Closed | Settled | Held | Observed


@dataclass(frozen=True, slots=True)
class Question:
    """An item that is to be judged, and all there is to know for it.

    `evaluation_id` is the name under which the rules' answer will be kept; `exhausted` are rules at their daily cap.
    """

    item: Item
    evaluation_id: UUID
    facts: ItemFacts
    published: Published | None = None
    automation: Automation = "act"
    standing: Standing | None = None
    exhausted: frozenset[str] = frozenset()
    shadow: Published | None = None
    """A version that is asked as well, and never acts."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What is to be done, and how the rules saw it; `evaluation` None: there was no rule set.

    `shadowed` is how the version in shadow saw it.
    """

    question: Question
    judgement: Judgement
    evaluation: Evaluation | None = None
    shadowed: Evaluation | None = None


def needs_rules(item: Item, standing: Standing | None) -> bool:
    """Whether the client's rules have a say about this item at all."""
    if item.deleted_at is not None or item.mode == "test":
        return False
    settled = standing is not None and standing.verdict == "remove" and standing.revision == item.revision
    return item.mode == "observe" or not settled


def judge(question: Question) -> Judged:
    """The one thing that is to be done about an item now."""
    item = question.item
    if item.deleted_at is not None:
        return Judged(question, Closed(item))
    if item.mode == "test":
        return Judged(question, _rehearse(item))
    if not needs_rules(item, question.standing):
        return Judged(question, Settled(item))
    evaluation = None
    if question.published is not None:
        evaluation = evaluate(question.published.compiled, question.facts, question.exhausted)
    conclude = _observe if item.mode == "observe" else _judge_live
    return Judged(question, conclude(question, evaluation), evaluation, _ask_shadow(question))


def _ask_shadow(question: Question) -> Evaluation | None:
    if question.shadow is None:
        return None
    source = None if question.published is None else question.published.compiled
    facts = question.facts
    gathered = borrow_facts(facts.given, source, question.shadow.compiled)
    return evaluate(question.shadow.compiled, item_facts(facts.item, facts.now, gathered))


def show_answer(evaluation: Evaluation | None) -> dict[str, Any]:
    """What the rules alone would have; without a rule set every item is a person's."""
    if evaluation is None:
        return {"escalate": {"queue": None, "priority": "normal"}}
    return show_outcome(evaluation.outcome)


def show_shadow(judged: Judged) -> dict[str, Any] | None:
    """What the version in shadow would have done, small: the item and the other answer stand beside it."""
    shadow, evaluation = judged.question.shadow, judged.shadowed
    if shadow is None or evaluation is None:
        return None
    outcome = evaluation.outcome
    return {
        "version": shadow.version,
        "kind": outcome.verdict if isinstance(outcome, Decide) else "escalate",
        "rule": evaluation.decided_by,
        "fired": [match.rule for match in evaluation.matched],
        "actions": [action.code for action in outcome.actions] if isinstance(outcome, Decide) else [],
    }


def as_sent(item: Item) -> dict[str, Any]:
    """An item in the shape of the contract, as rules read it."""
    return show_as_sent(item.body, item.external_id, item.revision, item.source_id)


def show_as_sent(body: Mapping[str, Any], external_id: str, revision: int, source_id: UUID) -> dict[str, Any]:
    """A body as it is kept, with what is kept beside it."""
    return {**body, "external_id": external_id, "revision": revision, "source_id": show_id("src", source_id)}


def _judge_live(question: Question, evaluation: Evaluation | None) -> Judgement:
    item, standing = question.item, question.standing
    if evaluation is None:
        unasked: Reason = "rules_off" if question.automation == "off" else "no_rule_set"
        return Opening(item, _reason(standing, unasked), evaluation_id=question.evaluation_id)
    if isinstance(evaluation.outcome, Escalate):
        return _escalate(question, evaluation.outcome, evaluation)
    if standing is not None and standing.reports and evaluation.outcome.verdict == "allow":
        return _hear_reports(question, standing.reports)
    if question.automation == "advise" and evaluation.outcome.verdict != "allow":
        return _advise(question, evaluation.outcome, evaluation)
    return _decide(question, evaluation.outcome, evaluation)


def _rehearse(item: Item) -> Verdict | Held:
    """Fixed outcomes by what the text says, so that an integration can be tested against every one of them."""
    text = str(item.body.get("text") or "")
    if "veilleur:review" in text:
        return Held(item)
    if "veilleur:remove" in text:
        ruling = Ruling("remove", ({"code": "remove", "target": "item"},), ("other",))
        return Verdict(item, ruling, Detection())
    return Verdict(item, Ruling("allow", (), ()), Detection())


def _decide(question: Question, outcome: Decide, evaluation: Evaluation) -> Verdict:
    actions = tuple(show_action(action) for action in outcome.actions)
    return Verdict(
        item=question.item,
        ruling=Ruling(outcome.verdict, actions, outcome.policies),
        detection=Detection(
            rule_set_version=_version(question),
            matched_rules=tuple(match.rule for match in _live(evaluation)),
            decided_by=evaluation.decided_by,
            evaluation_id=question.evaluation_id,
        ),
    )


def _escalate(question: Question, outcome: Escalate, evaluation: Evaluation) -> Opening:
    return Opening(
        question.item,
        "rule",
        queue=outcome.queue,
        skills=outcome.skills,
        priority=outcome.priority,
        interim=outcome.interim,
        why=_explain(outcome, evaluation),
        evaluation_id=question.evaluation_id,
        rule_set_version=_version(question),
    )


def _advise(question: Question, outcome: Decide, evaluation: Evaluation) -> Opening:
    return Opening(
        question.item,
        "advice",
        why=_explain(outcome, evaluation),
        suggestion=show_outcome(outcome),
        evaluation_id=question.evaluation_id,
        rule_set_version=_version(question),
    )


def _explain(outcome: Outcome, evaluation: Evaluation) -> list[dict[str, Any]]:
    return [
        {"rule": match.rule, "spans": [list(span) for span in match.spans], "policies": list(outcome.policies)}
        for match in _live(evaluation)
    ]


def _hear_reports(question: Question, reports: frozenset[str]) -> Opening:
    """Rules see nothing wrong, people do: a person looks."""
    ranked = [priority for source, priority in REPORT_PRIORITY.items() if source in reports]
    return Opening(
        question.item,
        "reported",
        priority=ranked[0] if ranked else "normal",
        evaluation_id=question.evaluation_id,
        rule_set_version=_version(question),
    )


def _reason(standing: Standing | None, otherwise: Reason) -> Reason:
    return "reported" if standing is not None and standing.reports else otherwise


def _observe(question: Question, evaluation: Evaluation | None) -> Observed:
    matched = {} if evaluation is None else {"matched_rules": [match.rule for match in _live(evaluation)]}
    return Observed(question.item, show_answer(evaluation) | {"rule_set_version": _version(question)} | matched)


def _version(question: Question) -> int | None:
    return None if question.published is None else question.published.version


def _live(evaluation: Evaluation) -> list[Match]:
    """Rules in shadow, over their cap or past their time are in the trace; they neither act nor explain."""
    return [match for match in evaluation.matched if match.acts]
