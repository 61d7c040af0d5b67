"""A rule set made ready to run: one automaton, one pattern set, one list of conditions."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veilleur.domain.rules.atoms import Atom, Logic, take_apart
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
from veilleur.domain.rules.engine import ConditionEngine, ConditionProgram, EngineCondition, EngineLogic
from veilleur.domain.rules.expressions import Call, Expression, read_expression, rewrite_expression
from veilleur.domain.rules.facts import FieldReader, choose_readers
from veilleur.domain.rules.logic import Gate
from veilleur.domain.rules.needs import Needs, find_needs
from veilleur.domain.rules.schema import GATHERED_CALLS, PLACEHOLDERS, UNTOLD, FieldType, split_call, type_field
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
class Triggers:
    """Which rules are worth a look: `by_leaf[i]` where leaf `i` is true or unknown, `always` in any case."""

    by_leaf: tuple[tuple[int, ...], ...]
    always: tuple[int, ...]
    leaves: int


@dataclass(frozen=True, slots=True)
class CompiledRuleSet:
    """Bit `i` of a trace is condition `i` of `conditions`; behind them those for what rules require.

    `digest` covers the shared lists that the document refers to, `lists` are theirs by code. `slots` is where the value
    of a call stands, `called` the other way round, `gathered_slots` for calls whose value may be handed in (with the
    list of hashes it is about).
    `placeholders` are the fields any condition reads with what stands for them while unknown, `readers` find them out;
    `shown` are those that a trace tells. `expiring` rules have an end, `asking` ones are live and ask providers.
    `counting` answers the counters' `where`, in the order of `counting_names`.
    """

    digest: str
    lists: Mapping[str, str]
    rules: tuple[CompiledRule, ...]
    fallback: Clause
    conditions: tuple[Expression, ...]
    program: ConditionProgram
    phrases: PhraseIndex
    patterns: PatternSet
    domains: Mapping[str, frozenset[str]]
    counters: tuple[CounterDeclaration, ...]
    required: tuple[str, ...]
    required_slots: tuple[str, ...]
    slots: Mapping[tuple[str, str], str]
    called: Mapping[str, str]
    gathered_slots: tuple[tuple[str, str, HashIndex | None], ...]
    placeholders: Mapping[str, object]
    shown: tuple[str, ...]
    readers: tuple[FieldReader, ...]
    triggers: Triggers
    expiring: tuple[CompiledRule, ...]
    asking: tuple[CompiledRule, ...]
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
    read = {field for condition in (*conditions, *filters.values()) for field in condition.fields}
    read |= {name for name in required if split_call(name) is None}
    run = _Engine(engine or CelEngine(), rule_set, slots, frozenset(read))
    hashes = {one.name: index_hashes(one) for one in rule_set.hashes}
    compiled_rules = tuple(_compile_rule(rule, bits, conditions) for rule in rules)
    needs = find_needs(conditions, tuple(filters.values()), required, counted)
    return CompiledRuleSet(
        digest=identify_rule_set(rule_set),
        lists=rule_set.shared,
        rules=compiled_rules,
        fallback=rule_set.fallback,
        conditions=conditions,
        program=run.compile(conditions),
        phrases=index_phrases(rule_set.phrases),
        patterns=index_patterns(rule_set.patterns),
        domains={domains.name: collect_domains(domains) for domains in rule_set.domains},
        counters=needs.counters,
        required=required,
        required_slots=tuple(slots[call] if (call := split_call(name)) is not None else name for name in required),
        slots=slots,
        called={slot: f"{function}('{name}')" for (function, name), slot in slots.items()},
        gathered_slots=tuple(
            (f"{function}('{name}')", slot, hashes[name] if function == "media" else None)
            for (function, name), slot in slots.items()
            if function in GATHERED_CALLS
        ),
        placeholders={name: PLACEHOLDERS[type_field(name)] for name in sorted(run.fields)},
        shown=tuple(sorted(run.fields - UNTOLD)),
        readers=choose_readers(run.fields),
        triggers=_find_triggers(compiled_rules, len(conditions)),
        expiring=tuple(one for one in compiled_rules if one.rule.expires_at is not None),
        asking=tuple(one for one in compiled_rules if one.asks and one.rule.mode == "live"),
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
        fields: frozenset[str],
    ) -> None:
        self._engine = engine
        self._rule_set = rule_set
        self._slots = slots
        self.fields = fields
        self._variables = {field: type_field(field) for field in self.fields} | _LIST_SLOTS
        self._variables |= {
            slot: _SINGLE_SLOTS[function] for (function, _), slot in slots.items() if function in _SINGLE_SLOTS
        }

    def compile(self, expressions: tuple[Expression, ...]) -> ConditionProgram:
        return self._engine.compile([self._to_engine(expression) for expression in expressions], self._variables)

    def _to_logic(self, logic: Logic) -> EngineLogic:
        parts = (
            self._to_engine(read_expression(part.text)) if isinstance(part, Atom) else self._to_logic(part)
            for part in logic.parts
        )
        return EngineLogic(logic.kind, tuple(parts))

    def _to_engine(self, condition: Expression) -> EngineCondition:
        apart = take_apart(condition.source) if condition.branching and not condition.fragile else None
        swaps: dict[Call, str] = {call: self._slots[call.function, call.argument] for call in condition.calls}
        return EngineCondition(
            text=rewrite_expression(condition, swaps, self._rule_set.params),
            reads=condition.fields | frozenset(swaps.values()),
            alone=condition.fragile,
            strict=not condition.branching,
            logic=self._to_logic(apart) if isinstance(apart, Logic) else None,
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


def _find_triggers(rules: Sequence[CompiledRule], leaves: int) -> Triggers:
    """A rule that needs several leaves is looked at for the one that fewest others need."""
    among_leaves = (1 << leaves) - 1
    needed = [[bit for bit in rule.leaves if (rule.needed & among_leaves) >> bit & 1] for rule in rules]
    users = Counter(bit for bits in needed for bit in bits)
    by_leaf: list[list[int]] = [[] for _ in range(leaves)]
    always: list[int] = []
    for place, (rule, bits) in enumerate(zip(rules, needed, strict=True)):
        if bits:
            by_leaf[min(bits, key=users.__getitem__)].append(place)
        elif rule.gate.kind == "any" and not rule.gate.gates:
            for bit in rule.leaves:
                by_leaf[bit].append(place)
        else:
            always.append(place)
    useful = sum(1 << bit for bit, places in enumerate(by_leaf) if places)
    return Triggers(tuple(map(tuple, by_leaf)), tuple(always), useful)


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
