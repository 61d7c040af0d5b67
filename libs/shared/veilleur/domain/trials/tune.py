"""Trying a parameter's values on what people have judged, and which one to take."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.models import Decision
from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.document import RuleSet, list_leaves
from veilleur.domain.rules.evaluate import evaluate
from veilleur.domain.rules.expressions import read_expression
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.screening.contexts import read_contexts_of
from veilleur.domain.screening.rule_sets import read_rule_set
from veilleur.domain.trials.intervals import Confusion
from veilleur.domain.trials.replay import Context, read_facts
from veilleur.domain.trials.standpoint import ACTING
from veilleur.domain.trials.tuning import Number, Point, Target, pick_thresholds, suggest_threshold
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg

MAX_JUDGED = 2_000
"""Somebody waits for the answer: two thousand judged items at 25 values are 50,000 evaluations."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An item's facts and whether it is one to act on."""

    facts: ItemFacts
    bad: bool


@dataclass(frozen=True, slots=True)
class Tuning:
    """A parameter of a rule set, and the rules that read it: theirs are the hits that count."""

    rule_set: RuleSet
    param: str
    current: Number
    rules: frozenset[str]
    fields: frozenset[str]


async def read_judged(session: AsyncSession, agency_id: UUID, client_id: UUID) -> list[tuple[Context, str]]:
    """The newest contexts that a person has judged, with the verdict."""
    query = select(Decision.evaluation_id, Decision.verdict).where(
        Decision.agency_id == agency_id,
        Decision.client_id == client_id,
        Decision.member_id.is_not(None),
        Decision.evaluation_id.is_not(None),
    )
    rows = (await session.execute(query.order_by(Decision.made_at.desc()).limit(MAX_JUDGED))).all()
    contexts = await read_contexts_of(session, agency_id, [row.evaluation_id for row in rows])
    return [(contexts[row.evaluation_id], row.verdict) for row in rows if row.evaluation_id in contexts]


async def tune_param(
    session: AsyncSession, version: RuleSetVersion, param: str, judged: Sequence[tuple[Context, str]], target: Target
) -> dict[str, Any]:
    """`judged`: contexts with the verdict of a person, or a label. The curve over the values worth trying."""
    rule_set = await read_rule_set(session, version.agency_id, version.client_id, version.document)
    tuning = _read_tuning(rule_set, param)
    return await asyncio.to_thread(_draw, tuning, judged, target)


def _draw(tuning: Tuning, judged: Sequence[tuple[Context, str]], target: Target) -> dict[str, Any]:
    compiled = compile_rule_set(tuning.rule_set)
    cases = [Judged(_read_case(context, compiled), verdict in ACTING) for context, verdict in judged]
    thresholds = pick_thresholds(_observe(tuning.fields, cases), tuning.current)
    curve = [Point(threshold, _try_value(tuning, threshold, cases)) for threshold in thresholds]
    best = suggest_threshold(curve, target)
    return {
        "param": tuning.param,
        "current": tuning.current,
        "rules": sorted(tuning.rules),
        "judged": len(cases),
        "curve": [point.show() for point in curve],
        "suggested": None if best is None else best.show(),
    }


def _read_case(context: Context, compiled: CompiledRuleSet) -> ItemFacts:
    """Counts hold for the rule set they were gathered for."""
    source = compiled if context.trace.get("digest") == compiled.digest else None
    return read_facts(context, source, compiled)


def _read_tuning(rule_set: RuleSet, param: str) -> Tuning:
    current = rule_set.params.get(param)
    if isinstance(current, bool) or not isinstance(current, int | float):
        numbers = [name for name, value in rule_set.params.items() if type(value) in (int, float)]
        error = InputError("/param", msg("is not a number this rule set names"), msg("allowed: {codes}", codes=numbers))
        raise Invalid(msg("There is nothing to tune"), errors=[error])
    rules: set[str] = set()
    fields: set[str] = set()
    for rule in rule_set.rules:
        for expression in (read_expression(leaf.expression) for leaf in list_leaves(rule.when)):
            if param in expression.params:
                rules.add(rule.id)
                fields |= expression.fields | {f"{call.function}('{call.argument}')" for call in expression.calls}
    return Tuning(rule_set, param, current, frozenset(rules), frozenset(fields))


def _observe(fields: frozenset[str], cases: Sequence[Judged]) -> list[Number]:
    """The numbers that the parameter is held against: of fields, and of counters as they were gathered."""
    return [
        value
        for case in cases
        for field in fields
        if isinstance(value := case.facts.fields.get(field), int | float) and not isinstance(value, bool)
    ]


def _try_value(tuning: Tuning, threshold: Number, cases: Sequence[Judged]) -> Confusion:
    compiled = _compile_with(tuning, {**tuning.rule_set.params, tuning.param: threshold})
    confusion = Confusion()
    for case in cases:
        confusion = confusion.add(rules=_fires(compiled, tuning.rules, case.facts), people=case.bad)
    return confusion


def _compile_with(tuning: Tuning, params: Mapping[str, Any]) -> CompiledRuleSet:
    """Nothing but the rules that read the parameter: the others would only cost time."""
    rules = tuple(rule for rule in tuning.rule_set.rules if rule.id in tuning.rules)
    return compile_rule_set(replace(tuning.rule_set, rules=rules, params=params), drafts=True)


def _fires(compiled: CompiledRuleSet, rules: frozenset[str], facts: ItemFacts) -> bool:
    return any(match.rule in rules and not match.unknown for match in evaluate(compiled, facts).matched)
