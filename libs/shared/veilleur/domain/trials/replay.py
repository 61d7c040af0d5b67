"""A rule set asked about stored contexts; pure. What an earlier evaluation has answered is not worked out again.

A trace keeps the answer of every condition. Where another rule set has the same condition over the same list, pattern,
counter and parameter, its answer is the same for this context; only what is new is evaluated, by a rule set of its own
that holds nothing else. A change of one rule therefore costs one rule, and nothing is guessed: a context whose trace is
of an unknown rule set is evaluated whole.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from veilleur.domain.rules.compile import CompiledRuleSet, compile_rule_set
from veilleur.domain.rules.document import Branch, Leaf, Rule, RuleSet
from veilleur.domain.rules.evaluate import Evaluation, conclude, evaluate
from veilleur.domain.rules.expressions import Expression
from veilleur.domain.rules.facts import ItemFacts, item_facts
from veilleur.domain.rules.logic import Answers, pack_answers
from veilleur.domain.rules.outcome import Outcome
from veilleur.domain.rules.readings import answer_required, take_readings
from veilleur.domain.rules.schema import split_call
from veilleur.domain.rules.trace import read_answers
from veilleur.domain.screening.borrowing import borrow_facts

Called = tuple[str, str]
"""Function and name: `("hits", "insults")`."""


class Context(Protocol):
    """What is needed of a stored context; `trace` is empty where nothing was evaluated."""

    @property
    def item(self) -> Mapping[str, Any]: ...
    @property
    def evaluated_at(self) -> datetime: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def trace(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A rule set as read and as it runs."""

    rule_set: RuleSet
    compiled: CompiledRuleSet


@dataclass(frozen=True, slots=True)
class _Plan:
    """How answers of one rule set become another's: bits to carry over, and what is to be asked afresh."""

    source: Ready
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

    def answers_for(self, target: Ready) -> bool:
        return self._target is target

    @property
    def digest(self) -> str:
        return self._target.compiled.digest

    def learn(self, known: Ready) -> None:
        """Traces of this rule set may be met."""
        self._known.setdefault(known.compiled.digest, known)

    def answer(self, context: Context) -> tuple[Outcome, str | None]:
        """The outcome, and the rule it is of."""
        plan = self._find_plan(context)
        if plan is None:
            evaluation = self.evaluate(context)
            return evaluation.outcome, evaluation.decided_by
        answers = _carry_over(plan, context, self._target.compiled)
        return conclude(self._target.compiled, answers, context.evaluated_at, _read_exhausted(context))

    def evaluate(self, context: Context) -> Evaluation:
        """The whole evaluation, with the places in the text."""
        source = self._known.get(str(context.trace.get("digest")))
        facts = read_facts(context, None if source is None else source.compiled, self._target.compiled)
        return evaluate(self._target.compiled, facts, _read_exhausted(context))

    def _find_plan(self, context: Context) -> _Plan | None:
        digest = str(context.trace.get("digest"))
        if digest not in self._plans and digest in self._known:
            self._plans[digest] = _make_plan(self._known[digest], self._target)
        return self._plans.get(digest)


def read_facts(context: Context, source: CompiledRuleSet | None, target: CompiledRuleSet) -> ItemFacts:
    """What was known then, as far as it holds for `target`."""
    gathered = borrow_facts(context.facts.get("gathered", {}), source, target)
    return item_facts(context.item, context.evaluated_at, gathered)


def _read_exhausted(context: Context) -> frozenset[str]:
    """Rules at their daily cap then are at it now: a backtest compares rules, not days."""
    return frozenset(context.facts.get("exhausted", ()))


def _carry_over(plan: _Plan, context: Context, target: CompiledRuleSet) -> Answers:
    source = plan.source.compiled
    known = read_answers(context.trace, source.digest, _count(source))
    if plan.aligned is not None:
        true, unknown = known.true & plan.aligned, known.unknown & plan.aligned
    else:
        true, unknown = _move_bits(known.true, plan.carried), _move_bits(known.unknown, plan.carried)
    if plan.probe is not None:
        facts = read_facts(context, source, target)
        readings = take_readings(plan.probe, facts)
        asked = plan.probe.program.evaluate(readings.values, readings.unknown)
        fresh = pack_answers([*asked, *answer_required(plan.probe, readings)])
        true |= _move_bits(fresh.true, plan.placed)
        unknown |= _move_bits(fresh.unknown, plan.placed)
    return Answers(_count(target), true, unknown)


def _move_bits(bits: int, moves: Mapping[int, int]) -> int:
    moved = 0
    while bits:
        lowest = bits & -bits
        moved |= moves.get(lowest, 0)
        bits ^= lowest
    return moved


def _make_plan(source: Ready, target: Ready) -> _Plan:
    """Bits are those of conditions first, of required fields behind them."""
    before = {name: bit for bit, name in enumerate(_list_names(source.compiled))}
    carried: dict[int, int] = {}
    fresh: list[int] = []
    for bit, name in enumerate(_list_names(target.compiled)):
        calls, params = _list_references(target.compiled, bit)
        if name in before and _is_same(calls, params, source.rule_set, target.rule_set):
            carried[1 << before[name]] = 1 << bit
        else:
            fresh.append(bit)
    aligned = sum(carried) if all(old == new for old, new in carried.items()) else None
    placed = {1 << index: 1 << bit for index, bit in enumerate(fresh)}
    return _Plan(source, carried, aligned, _compile_probe(target, fresh) if fresh else None, placed)


def _count(compiled: CompiledRuleSet) -> int:
    return len(compiled.conditions) + len(compiled.required)


def _list_names(compiled: CompiledRuleSet) -> list[tuple[str, str]]:
    conditions = [("is", condition.source) for condition in compiled.conditions]
    return conditions + [("known", name) for name in compiled.required]


def _list_references(compiled: CompiledRuleSet, bit: int) -> tuple[set[Called], frozenset[str]]:
    """What a condition, or a required name, refers to in its rule set: calls and parameters."""
    if bit < len(compiled.conditions):
        condition = compiled.conditions[bit]
        return {(call.function, call.argument) for call in condition.calls}, condition.params
    call = split_call(compiled.required[bit - len(compiled.conditions)])
    return ({call} if call is not None else set()), frozenset()


def _is_same(calls: set[Called], params: frozenset[str], source: RuleSet, target: RuleSet) -> bool:
    """The same words over the same definitions; `1` and `1.0` are two parameters."""
    same_calls = all(_define(source, *call) == _define(target, *call) for call in calls)
    return same_calls and all(
        (type(source.params.get(name)), source.params.get(name))
        == (type(target.params.get(name)), target.params.get(name))
        for name in params
    )


def _define(rule_set: RuleSet, function: str, name: str) -> object:
    if function == "pattern":
        return rule_set.patterns.get(name)
    declared: Mapping[str, Sequence[Any]] = {
        "hits": rule_set.phrases,
        "linked": rule_set.domains,
        "media": rule_set.hashes,
        "counter": rule_set.counters,
    }
    return next((one for one in declared[function] if one.name == name), None)


def _compile_probe(target: Ready, fresh: Sequence[int]) -> CompiledRuleSet:
    """A rule set of nothing but these conditions and required names, in this order, and what they refer to."""
    compiled, rule_set = target.compiled, target.rule_set
    conditions = [compiled.conditions[bit] for bit in fresh if bit < len(compiled.conditions)]
    required = [compiled.required[bit - len(compiled.conditions)] for bit in fresh if bit >= len(compiled.conditions)]
    called = {call for bit in fresh for call in _list_references(compiled, bit)[0]}
    return compile_rule_set(
        replace(
            rule_set,
            rules=(_ask_all(conditions, required, rule_set),),
            phrases=tuple(one for one in rule_set.phrases if ("hits", one.name) in called),
            domains=tuple(one for one in rule_set.domains if ("linked", one.name) in called),
            hashes=tuple(one for one in rule_set.hashes if ("media", one.name) in called),
            # It asks what was counted and counts nothing itself: no filters, nor what they refer to.
            counters=tuple(replace(one, where=None) for one in rule_set.counters if ("counter", one.name) in called),
            patterns={name: text for name, text in rule_set.patterns.items() if ("pattern", name) in called},
        )
    )


def _ask_all(conditions: Sequence[Expression], required: Sequence[str], rule_set: RuleSet) -> Rule:
    leaves = tuple(Leaf(condition.source, ()) for condition in conditions)
    return replace(
        rule_set.rules[0],
        mode="live",
        when=Branch("any", leaves),
        on_unknown=None,
        tests=(),
        requires=tuple(required),
    )
