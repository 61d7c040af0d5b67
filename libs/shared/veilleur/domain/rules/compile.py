"""A rule set made ready to run: one automaton, one pattern set, one list of conditions."""

from collections.abc import Mapping
from dataclasses import dataclass

from veilleur.domain.rules.cel_engine import CelEngine
from veilleur.domain.rules.document import Branch, Clause, Condition, Leaf, Rule, RuleSet, digest_document, list_leaves
from veilleur.domain.rules.engine import ConditionEngine, ConditionProgram, EngineCondition
from veilleur.domain.rules.expressions import Call, Expression, read_expression, rewrite_expression
from veilleur.domain.rules.schema import FIELDS, FieldType
from veilleur.domain.rules.signals.links import collect_domains
from veilleur.domain.rules.signals.patterns import PatternSet, index_patterns
from veilleur.domain.rules.signals.phrases import PhraseIndex, index_phrases

SLOTS: dict[str, FieldType] = {
    "_hits": FieldType.INTS,
    "_patterns": FieldType.FLAGS,
    "_linked": FieldType.FLAGS,
}
"""What calls become: `hits('insults')` reads `_hits[0]`. No condition can say these names itself."""


@dataclass(frozen=True, slots=True)
class Gate:
    """A condition as bits: `mask` holds its leaves' bits, for a branch those that are its parts themselves."""

    kind: str
    mask: int
    gates: tuple["Gate", ...] = ()


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """`leaves` are the bits of all conditions below; where one of `needed` is false the rule can't fire."""

    rule: Rule
    gate: Gate
    leaves: tuple[int, ...]
    needed: int


@dataclass(frozen=True, slots=True)
class CompiledRuleSet:
    """Bit `i` of a trace is condition `i` of `conditions`. `fields` are the fields any condition reads."""

    digest: str
    rules: tuple[CompiledRule, ...]
    fallback: Clause
    conditions: tuple[Expression, ...]
    program: ConditionProgram
    phrases: PhraseIndex
    patterns: PatternSet
    domains: Mapping[str, frozenset[str]]
    fields: tuple[str, ...]


def compile_rule_set(
    rule_set: RuleSet, *, drafts: bool = False, engine: ConditionEngine | None = None
) -> CompiledRuleSet:
    """A rule set that `check_rule_set` accepts, ready to run; `ValueError` or `KeyError` for one that it refuses.

    Draft rules are left out unless asked for (previews and tests want them; they never act).
    """
    rules = [rule for rule in rule_set.rules if drafts or rule.mode != "draft"]
    bits: dict[str, int] = {}
    for rule in rules:
        for leaf in list_leaves(rule.when):
            bits.setdefault(leaf.expression, len(bits))
    conditions = tuple(read_expression(source) for source in bits)
    places = _place_calls(rule_set)
    texts = [_to_engine(condition, rule_set, places) for condition in conditions]
    return CompiledRuleSet(
        digest=digest_document(rule_set.document),
        rules=tuple(_compile_rule(rule, bits) for rule in rules),
        fallback=rule_set.fallback,
        conditions=conditions,
        program=(engine or CelEngine()).compile(texts, FIELDS | SLOTS),
        phrases=index_phrases(rule_set.phrases),
        patterns=index_patterns(rule_set.patterns),
        domains={domains.name: collect_domains(domains) for domains in rule_set.domains},
        fields=tuple(sorted({field for condition in conditions for field in condition.fields})),
    )


def _place_calls(rule_set: RuleSet) -> dict[tuple[str, str], str]:
    names = {
        ("hits", "_hits"): [phrases.name for phrases in rule_set.phrases],
        ("pattern", "_patterns"): list(rule_set.patterns),
        ("linked", "_linked"): [domains.name for domains in rule_set.domains],
    }
    return {
        (function, name): f"{slot}[{index}]"
        for (function, slot), known in names.items()
        for index, name in enumerate(known)
    }


def _to_engine(condition: Expression, rule_set: RuleSet, places: Mapping[tuple[str, str], str]) -> EngineCondition:
    swaps: dict[Call, str] = {call: places[call.function, call.argument] for call in condition.calls}
    return EngineCondition(
        text=rewrite_expression(condition, swaps, rule_set.params),
        reads=condition.fields | frozenset(swaps.values()),
        alone=condition.fragile,
        strict=not condition.branching,
    )


def _compile_rule(rule: Rule, bits: Mapping[str, int]) -> CompiledRule:
    leaves = sorted({bits[leaf.expression] for leaf in list_leaves(rule.when)})
    gate = _compile_gate(rule.when, bits)
    return CompiledRule(rule, gate, tuple(leaves), gate.mask if gate.kind == "all" else 0)


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
