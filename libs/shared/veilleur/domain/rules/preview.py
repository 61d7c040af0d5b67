"""A rule set tried on some items before anybody saves it. Nothing is stored, nothing acts."""

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from veilleur.domain.rules.catalogue_view import Catalogue
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.evaluate import Evaluation, Match, evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.rules.language import refuse_rule_set
from veilleur.domain.rules.lists import SharedLists
from veilleur.domain.rules.outcome import show_outcome


def preview_rule_set(
    source: object,
    items: Sequence[Mapping[str, object]],
    catalogue: Catalogue | None,
    now: datetime,
    shared: SharedLists | None = None,
) -> list[dict[str, object]]:
    """One result an item, in their order, drafts included.

    `{"external_id", "outcome", "decided_by", "matched": [{"rule", "mode", "spans"}], "signals", "took_us"}`; `Invalid`
    with every mistake for a rule set that can't be published.
    """
    checked = check_rule_set(source, catalogue, shared)
    if checked.rule_set is None:
        raise refuse_rule_set(checked.errors)
    compiled = compile_rule_set(checked.rule_set, drafts=True)
    return list(_try_items(compiled, items, now, catalogue.gathered if catalogue else {}))


def _try_items(
    compiled: CompiledRuleSet, items: Sequence[Mapping[str, object]], now: datetime, gathered: Mapping[str, object]
) -> Iterator[dict[str, object]]:
    for item in items:
        started = time.perf_counter_ns()
        evaluation = evaluate(compiled, item_facts(item, now, gathered))
        took_us = (time.perf_counter_ns() - started) // 1_000
        yield {"external_id": item.get("external_id"), **_show_evaluation(evaluation), "took_us": took_us}


def _show_evaluation(evaluation: Evaluation) -> dict[str, object]:
    return {
        "outcome": show_outcome(evaluation.outcome),
        "decided_by": evaluation.decided_by,
        "matched": [_show_match(match) for match in evaluation.matched],
        "signals": dict(evaluation.signals),
    }


def _show_match(match: Match) -> dict[str, object]:
    shown: dict[str, object] = {"rule": match.rule, "mode": match.mode, "spans": [list(span) for span in match.spans]}
    shown |= {"unknown": True} if match.unknown else {}
    return shown | ({"stopped": match.stopped} if match.stopped else {})
