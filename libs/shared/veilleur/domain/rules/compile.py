"""A rule set made ready to run: one automaton, one pattern set, one list of conditions."""

from collections.abc import Mapping
from dataclasses import dataclass

from veilleur.domain.rules.cel_engine import CelEngine
from veilleur.domain.rules.document import (
    Branch,
    Clause,
    Condition,
    CounterDeclaration,
    Leaf,
    Rule,
    RuleSet,
    identify_rule_set,
    list_leaves,
)
from veilleur.domain.rules.engine import ConditionEngine, ConditionProgram, EngineCondition
from veilleur.domain.rules.expressions import Call, Expression, read_expression, rewrite_expression
from veilleur.domain.rules.needs import Needs, find_needs
from veilleur.domain.rules.schema import FieldType, split_call, type_field
from veilleur.domain.rules.signals.hashes import HashIndex, index_hashes
from veilleur.domain.rules.signals.links import collect_domains
from veilleur.domain.rules.signals.patterns import PatternSet, index_patterns
from veilleur.domain.rules.signals.phrases import PhraseIndex, index_phrases

_LIST_SLOTS: dict[str, FieldType] = {
    "_hits": FieldType.INTS,
    "_patterns": FieldType.FLAGS,
    "_linked": FieldType.FLAGS,
}
"""What calls become: `hits('insults')` reads `_hits[0]`. No condition can say these names itself.

What is often unknown, and then on its own, has a variable of its own: `counter('posts')` reads `_counter_0`.
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition as bits: `mask` holds its leaves' bits, for a branch those that are its parts themselves."""

    kind: str
    mask: int
    gates: tuple["Gate", ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`leaves` are the bits of all conditions below; where one of `needed` is false the rule can't fire.

    `asks` are the fields of providers it depends on.
    """

    rule: Rule
    gate: Gate
    leaves: tuple[int, ...]
    needed: int
    asks: frozenset[str]


@dataclass(frozen=True, slots=True)
class CompiledRuleSet:
    """Bit `i` of a trace is condition `i` of `conditions`; behind them those for the fields that rules require.

    `digest` covers the agency's lists that the document refers to. `slots` is where the value of a call stands.
    `fields` are the fields any condition reads; `counting` answers the counters' `where`, in the order of
    `counting_names`.
    """

    digest: str
    rules: tuple[CompiledRule, ...]
    fallback: Clause
    conditions: tuple[Expression, ...]
    program: ConditionProgram
    phrases: PhraseIndex
    patterns: PatternSet
    domains: Mapping[str, frozenset[str]]
    hashes: tuple[HashIndex, ...]
    counters: tuple[CounterDeclaration, ...]
    fields: tuple[str, ...]
    required: tuple[str, ...]
    slots: Mapping[tuple[str, str], str]
    counting: ConditionProgram | None
    counting_names: tuple[str, ...]
    needs: Needs


def compile_rule_set(
    rule_set: RuleSet, *, drafts: bool = False, engine: ConditionEngine | None = None
) -> CompiledRuleSet:
    """A rule set that `check_rule_set` accepts, ready to run; `ValueError` or `KeyError` for one that it refuses.

    Draft rules are left out unless asked for (previews and tests want them; they never act).
    """
    rules = [rule for rule in rule_set.rules if drafts or rule.mode != "draft"]
    sources = dict.fromkeys(leaf.expression for rule in rules for leaf in list_leaves(rule.when))
    conditions = tuple(read_expression(source) for source in sources)
    required = tuple(dict.fromkeys(name for rule in rules for name in rule.requires))
    bits = {name: bit for bit, name in enumerate([*sources, *(f"known {name}" for name in required)])}
    called = {(call.function, call.argument) for condition in conditions for call in condition.calls}
    called |= {call for name in required if (call := split_call(name)) is not None}
    counted = [counter for counter in rule_set.counters if ("counter", counter.name) in called]
    filters = {
        counter.name: read_expression(counter.where.expression) for counter in counted if counter.where is not None
    }
    called |= {(call.function, call.argument) for condition in filters.values() for call in condition.calls}
    slots = {call: slot for call, slot in _place_calls(rule_set).items() if call in called}
    run = _Engine(engine or CelEngine(), rule_set, slots, (*conditions, *filters.values()))
    needs = find_needs(conditions, tuple(filters.values()), required, counted)
    return CompiledRuleSet(
        digest=identify_rule_set(rule_set),
        rules=tuple(_compile_rule(rule, bits, conditions) for rule in rules),
        fallback=rule_set.fallback,
        conditions=conditions,
        program=run.compile(conditions),
        phrases=index_phrases(rule_set.phrases),
        patterns=index_patterns(rule_set.patterns),
        domains={domains.name: collect_domains(domains) for domains in rule_set.domains},
        hashes=tuple(index_hashes(hashes) for hashes in rule_set.hashes),
        counters=needs.counters,
        fields=tuple(sorted(run.fields)),
        required=required,
        slots=slots,
        counting=run.compile(tuple(filters.values())) if filters else None,
        counting_names=tuple(filters),
        needs=needs,
    )


class _Engine:
    """Compiles the conditions of one rule set; `fields` are those that any of them reads."""

    def __init__(
        self,
        engine: ConditionEngine,
        rule_set: RuleSet,
        slots: Mapping[tuple[str, str], str],
        expressions: tuple[Expression, ...],
    ) -> None:
        self._engine = engine
        self._rule_set = rule_set
        self._slots = slots
        self.fields = frozenset(field for expression in expressions for field in expression.fields)
        self._variables = {field: type_field(field) for field in self.fields} | _LIST_SLOTS
        self._variables |= {
            slot: _SINGLE_SLOTS[function] for (function, _), slot in slots.items() if function in _SINGLE_SLOTS
        }

    def compile(self, expressions: tuple[Expression, ...]) -> ConditionProgram:
        return self._engine.compile([self._to_engine(expression) for expression in expressions], self._variables)

    def _to_engine(self, condition: Expression) -> EngineCondition:
        swaps: dict[Call, str] = {call: self._slots[call.function, call.argument] for call in condition.calls}
        return EngineCondition(
            text=rewrite_expression(condition, swaps, self._rule_set.params),
            reads=condition.fields | frozenset(swaps.values()),
            alone=condition.fragile,
            strict=not condition.branching,
        )


_SINGLE_SLOTS = {"counter": FieldType.INT, "media": FieldType.BOOL}


def _place_calls(rule_set: RuleSet) -> dict[tuple[str, str], str]:
    places = {
        ("hits", "_hits[{}]"): [phrases.name for phrases in rule_set.phrases],
        ("pattern", "_patterns[{}]"): list(rule_set.patterns),
        ("linked", "_linked[{}]"): [domains.name for domains in rule_set.domains],
        ("media", "_media_{}"): [hashes.name for hashes in rule_set.hashes],
        ("counter", "_counter_{}"): [counter.name for counter in rule_set.counters],
    }
    return {
        (function, name): slot.format(index)
        for (function, slot), known in places.items()
        for index, name in enumerate(known)
    }


def _compile_rule(rule: Rule, bits: Mapping[str, int], conditions: tuple[Expression, ...]) -> CompiledRule:
    leaves = tuple(sorted({bits[leaf.expression] for leaf in list_leaves(rule.when)}))
    gate = _compile_gate(rule.when, bits)
    if rule.requires:
        known = sum(1 << bits[f"known {name}"] for name in dict.fromkeys(rule.requires))
        gate = Gate("all", known | gate.mask, gate.gates) if gate.kind == "all" else Gate("all", known, (gate,))
    read = {field for leaf in leaves for field in conditions[leaf].fields} | set(rule.requires)
    asks = frozenset(field for field in read if field.startswith("provider."))
    return CompiledRule(rule, gate, leaves, gate.mask if gate.kind == "all" else 0, asks)


def _compile_gate(condition: Condition, bits: Mapping[str, int]) -> Gate:
    if isinstance(condition, Leaf):
        return Gate("all", 1 << bits[condition.expression])
    mask = 0
    gates: list[Gate] = []
    for part in condition.parts:
        if isinstance(part, Branch):
            gates.append(_compile_gate(part, bits))
        else:
            mask |= 1 << bits[part.expression]
    return Gate(condition.kind, mask, tuple(gates))
