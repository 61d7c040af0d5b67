"""A rule set asked about stored contexts; pure. What an earlier evaluation has answered is not worked out again.

A trace keeps the answer of every condition. Where another rule set has the same condition over the same list, pattern
and parameter, its answer is the same for this context; only what is new is evaluated, by a rule set of its own that
holds nothing else. A change of one rule therefore costs one rule, and nothing is guessed: a context whose trace is of
an unknown rule set is evaluated whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.document import Branch, Leaf, Rule, RuleSet
from veilleur.domain.rules.evaluate import Evaluation, evaluate, replay_outcome
from veilleur.domain.rules.expressions import Expression
from veilleur.domain.rules.facts import ItemFacts, item_facts
from veilleur.domain.rules.logic import Answers, pack_answers
from veilleur.domain.rules.outcome import Outcome
from veilleur.domain.rules.readings import take_readings
from veilleur.domain.rules.trace import read_answers, write_trace


class Context(Protocol):
    """What is needed of a stored context; `trace` is empty where nothing was evaluated."""

    @property
    def item(self) -> Mapping[str, object]: ...
    @property
    def evaluated_at(self) -> datetime: ...
    @property
    def gathered(self) -> Mapping[str, object]: ...
    @property
    def trace(self) -> Mapping[str, object]: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule set as read and as it runs."""

    rule_set: RuleSet
    compiled: CompiledRuleSet


@dataclass(frozen=True, slots=True)
class _Plan:
    """How answers of one rule set become another's: bits to carry over, and what is to be asked afresh."""

    count: int
    carried: Mapping[int, int]
    aligned: int | None
    """The mask of carried bits, where each stands in its old place."""
    probe: CompiledRuleSet | None
    placed: Mapping[int, int]


class Replayer:
    """Answers for `target`; the more rule sets it has learned, the more traces it can build on."""

    def __init__(self, target: Ready) -> None:
        self._target = target
        self._known = {target.compiled.digest: target}
        self._plans: dict[str, _Plan] = {}

    def learn(self, known: Ready) -> None:
        """Traces of this rule set may be met."""
        self._known[known.compiled.digest] = known

    def answer(self, context: Context) -> tuple[Outcome, str | None]:
        """The outcome, and the rule it is of."""
        digest = str(context.trace.get("digest"))
        source = self._known.get(digest)
        if source is None:
            evaluation = self.evaluate(context)
            return evaluation.outcome, evaluation.decided_by
        target = self._target.compiled
        if digest == target.digest:
            return replay_outcome(target, context.trace)
        plan = self._plans.get(digest)
        if plan is None:
            plan = self._plans[digest] = _make_plan(source, self._target)
        answers = _carry_over(plan, read_answers(context.trace, digest, len(source.compiled.conditions)), context)
        return replay_outcome(target, write_trace(target.digest, context.evaluated_at, answers, {}))

    def evaluate(self, context: Context) -> Evaluation:
        """The whole evaluation, with the places in the text."""
        return evaluate(self._target.compiled, read_facts(context))


def read_facts(context: Context) -> ItemFacts:
    return item_facts(context.item, context.evaluated_at)


def _carry_over(plan: _Plan, known: Answers, context: Context) -> Answers:
    if plan.aligned is not None:
        true, unknown = known.true & plan.aligned, known.unknown & plan.aligned
    else:
        true, unknown = _move_bits(known.true, plan.carried), _move_bits(known.unknown, plan.carried)
    if plan.probe is not None:
        readings = take_readings(plan.probe, read_facts(context))
        fresh = pack_answers(plan.probe.program.evaluate(readings.values, readings.unknown))
        true |= _move_bits(fresh.true, plan.placed)
        unknown |= _move_bits(fresh.unknown, plan.placed)
    return Answers(plan.count, true, unknown)


def _move_bits(bits: int, moves: Mapping[int, int]) -> int:
    moved = 0
    while bits:
        lowest = bits & -bits
        moved |= moves.get(lowest, 0)
        bits ^= lowest
    return moved


def _make_plan(source: Ready, target: Ready) -> _Plan:
    before = {expression.source: bit for bit, expression in enumerate(source.compiled.conditions)}
    carried: dict[int, int] = {}
    fresh: list[int] = []
    for bit, expression in enumerate(target.compiled.conditions):
        if expression.source in before and _means_the_same(expression, source.rule_set, target.rule_set):
            carried[1 << before[expression.source]] = 1 << bit
        else:
            fresh.append(bit)
    aligned = sum(carried) if all(old == new for old, new in carried.items()) else None
    probe = _compile_probe(target, fresh) if fresh else None
    placed = {1 << index: 1 << bit for index, bit in enumerate(fresh)}
    return _Plan(len(target.compiled.conditions), carried, aligned, probe, placed)


def _means_the_same(expression: Expression, source: RuleSet, target: RuleSet) -> bool:
    """The same words, over the same definitions."""
    calls = all(
        _define(source, call.function, call.argument) == _define(target, call.function, call.argument)
        for call in expression.calls
    )
    return calls and all(
        (type(source.params.get(name)), source.params.get(name))
        == (type(target.params.get(name)), target.params.get(name))
        for name in expression.params
    )


def _define(rule_set: RuleSet, function: str, name: str) -> object:
    if function == "pattern":
        return rule_set.patterns.get(name)
    lists = rule_set.phrases if function == "hits" else rule_set.domains
    return next((one for one in lists if one.name == name), None)


def _compile_probe(target: Ready, fresh: Sequence[int]) -> CompiledRuleSet:
    """A rule set of nothing but these conditions, in this order, and what they refer to."""
    conditions = [target.compiled.conditions[bit] for bit in fresh]
    called = {(call.function, call.argument) for condition in conditions for call in condition.calls}
    rule_set = target.rule_set
    return compile_rule_set(
        replace(
            rule_set,
            rules=(_ask_all(conditions, rule_set),),
            phrases=tuple(one for one in rule_set.phrases if ("hits", one.name) in called),
            domains=tuple(one for one in rule_set.domains if ("linked", one.name) in called),
            patterns={name: text for name, text in rule_set.patterns.items() if ("pattern", name) in called},
        )
    )


def _ask_all(conditions: Sequence[Expression], rule_set: RuleSet) -> Rule:
    leaves = tuple(Leaf(condition.source, ()) for condition in conditions)
    return replace(rule_set.rules[0], mode="live", when=Branch("any", leaves), on_unknown=None, tests=())
