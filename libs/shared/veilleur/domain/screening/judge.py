"""What becomes of one item; pure. Deleted, rehearsed, observed or judged for real."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.record import Detection, Verdict
from veilleur.domain.intake.models import Item
from veilleur.domain.review.open import Opening, Reason
from veilleur.domain.rules.evaluate import Evaluation, Match, evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.outcome import Decide, Escalate, show_action, show_outcome
from veilleur.domain.screening.rule_sets import Published
from veilleur.domain.screening.standing import Standing
from veilleur.domain.sla.policy import Priority

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


def judge(item: Item, published: Published | None, standing: Standing | None, present: datetime) -> Judgement:
    """The one thing that is to be done about an item now."""
    if item.deleted_at is not None:
        return Closed(item)
    if item.mode == "test":
        return _rehearse(item)
    if item.mode == "observe":
        return _observe(item, published, present)
    if standing is not None and standing.verdict == "remove" and standing.revision == item.revision:
        return Settled(item)
    return _judge_live(item, published, standing, present)


def _judge_live(item: Item, published: Published | None, standing: Standing | None, present: datetime) -> Judgement:
    if published is None:
        return Opening(item, _reason(standing, "no_rule_set"))
    evaluation = evaluate(published.compiled, item_facts(_as_sent(item), present))
    if isinstance(evaluation.outcome, Escalate):
        return _escalate(item, evaluation.outcome, evaluation, published.version)
    if standing is not None and standing.reports and evaluation.outcome.verdict == "allow":
        return _hear_reports(item, standing, evaluation, published.version)
    return _decide(item, evaluation.outcome, evaluation, published.version)


def _rehearse(item: Item) -> Verdict | Held:
    """Fixed outcomes by what the text says, so that an integration can be tested against every one of them."""
    text = str(item.body.get("text") or "")
    if "veilleur:review" in text:
        return Held(item)
    if "veilleur:remove" in text:
        ruling = Ruling("remove", ({"code": "remove", "target": "item"},), ("other",))
        return Verdict(item, ruling, Detection())
    return Verdict(item, Ruling("allow", (), ()), Detection())


def _decide(item: Item, outcome: Decide, evaluation: Evaluation, version: int) -> Verdict:
    actions = tuple(show_action(action) for action in outcome.actions)
    return Verdict(
        item=item,
        ruling=Ruling(outcome.verdict, actions, outcome.policies),
        detection=Detection(version, tuple(match.rule for match in _live(evaluation)), dict(evaluation.trace)),
    )


def _escalate(item: Item, outcome: Escalate, evaluation: Evaluation, version: int) -> Opening:
    why = [
        {"rule": match.rule, "spans": [list(span) for span in match.spans], "policies": list(outcome.policies)}
        for match in _live(evaluation)
    ]
    return Opening(
        item,
        "rule",
        queue=outcome.queue,
        skills=outcome.skills,
        priority=outcome.priority,
        interim=outcome.interim,
        why=why,
        trace=dict(evaluation.trace),
        rule_set_version=version,
    )


def _hear_reports(item: Item, standing: Standing, evaluation: Evaluation, version: int) -> Opening:
    """Rules see nothing wrong, people do: a person looks."""
    ranked = [priority for source, priority in REPORT_PRIORITY.items() if source in standing.reports]
    return Opening(
        item,
        "reported",
        priority=ranked[0] if ranked else "normal",
        trace=dict(evaluation.trace),
        rule_set_version=version,
    )


def _reason(standing: Standing | None, otherwise: Reason) -> Reason:
    return "reported" if standing is not None and standing.reports else otherwise


def _observe(item: Item, published: Published | None, present: datetime) -> Observed:
    """Without a rule set every item would open a case."""
    if published is None:
        return Observed(item, {"escalate": {"queue": None, "priority": "normal"}, "rule_set_version": None})
    evaluation = evaluate(published.compiled, item_facts(_as_sent(item), present))
    return Observed(item, _show_would_be(evaluation, published.version))


def _show_would_be(evaluation: Evaluation, version: int) -> dict[str, Any]:
    return {
        **show_outcome(evaluation.outcome),
        "rule_set_version": version,
        "matched_rules": [match.rule for match in _live(evaluation)],
    }


def _as_sent(item: Item) -> dict[str, Any]:
    return item.body | {"external_id": item.external_id, "revision": item.revision}


def _live(evaluation: Evaluation) -> list[Match]:
    """Shadow rules are in the trace; they neither act nor explain."""
    return [match for match in evaluation.matched if match.mode == "live"]
