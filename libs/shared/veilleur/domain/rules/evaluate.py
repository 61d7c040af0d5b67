"""Rules applied to one item. Pure: the same rule set and facts give the same outcome, and the trace gives it again.

Every rule is evaluated. The most severe live rule that fires decides, the earlier one among equals; where none fires,
the fallback does. Shadow rules are reported and never act.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from veilleur.domain.rules.compile import CompiledRule, CompiledRuleSet
from veilleur.domain.rules.document import Clause, Mode
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.logic import Answers, pack_answers, resolve_gate
from veilleur.domain.rules.outcome import Outcome
from veilleur.domain.rules.readings import Readings, take_readings
from veilleur.domain.rules.signals.mapped import Span, merge_spans
from veilleur.domain.rules.trace import read_answers, read_instant, write_trace

MAX_SPANS = 100
"""Places shown for one rule."""


@dataclass(frozen=True, slots=True)
class Match:
    """A rule that fired, or, with `unknown`, one that could not be known and acts on that.

    `spans`: what it was found by, sorted, in code points of the text as sent.
    """

    rule: str
    mode: Mode
    spans: tuple[Span, ...]
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`decided_by` is the rule the outcome is of, None for the fallback. `signals` are the values rules looked at.

    `trace` is JSON to keep with the decision: `replay_outcome` reads the outcome from it.
    """

    outcome: Outcome
    decided_by: str | None
    matched: tuple[Match, ...]
    signals: Mapping[str, object]
    trace: Mapping[str, object]


def evaluate(compiled: CompiledRuleSet, facts: ItemFacts) -> Evaluation:
    """Never raises for a compiled rule set and the facts of `item_facts`."""
    readings = take_readings(compiled, facts)
    answers = pack_answers(compiled.program.evaluate(readings.values, readings.unknown))
    fired = _find_fired(compiled, answers)
    clause, decided_by = _choose_clause(compiled, fired)
    matched = tuple(
        Match(rule.rule.id, rule.rule.mode, _list_spans(compiled, rule, answers, readings), unknown)
        for rule, unknown in fired
    )
    signals = _show_signals(compiled, readings)
    told = {
        "signals": signals,
        "spans": {match.rule: [list(span) for span in match.spans] for match in matched},
        "decided_by": decided_by,
    }
    return Evaluation(
        outcome=clause.settle(facts.now),
        decided_by=decided_by,
        matched=matched,
        signals=signals,
        trace=write_trace(compiled.digest, facts.now, answers, told),
    )


def replay_outcome(compiled: CompiledRuleSet, trace: Mapping[str, object]) -> tuple[Outcome, str | None]:
    """The outcome and the rule that decided, from a stored trace alone; `ValueError` for another rule set's trace."""
    answers = read_answers(trace, compiled.digest, len(compiled.conditions))
    clause, decided_by = _choose_clause(compiled, _find_fired(compiled, answers))
    instant: datetime = read_instant(trace)
    return clause.settle(instant), decided_by


_Fired = list[tuple[CompiledRule, bool]]
"""Rules that act, in the order of the document, and whether they act on not knowing."""


def _find_fired(compiled: CompiledRuleSet, answers: Answers) -> _Fired:
    fired: _Fired = []
    possible = answers.true | answers.unknown
    for rule in compiled.rules:
        if rule.needed & possible != rule.needed:
            continue
        known = resolve_gate(rule.gate, answers)
        if known:
            fired.append((rule, False))
        elif known is None and rule.rule.on_unknown is not None:
            fired.append((rule, True))
    return fired


def _choose_clause(compiled: CompiledRuleSet, fired: _Fired) -> tuple[Clause, str | None]:
    live = [(rule.rule, unknown) for rule, unknown in fired if rule.rule.mode == "live"]
    if not live:
        return compiled.fallback, None
    rule, unknown = max(live, key=lambda pair: pair[0].severity)
    return (rule.on_unknown if unknown and rule.on_unknown is not None else rule.then), rule.id


def _list_spans(
    compiled: CompiledRuleSet, rule: CompiledRule, answers: Answers, readings: Readings
) -> tuple[Span, ...]:
    spans: list[Span] = []
    for leaf in rule.leaves:
        if answers.true >> leaf & 1:
            for call in compiled.conditions[leaf].calls:
                spans += readings.places.get((call.function, call.argument), ())
    return tuple(merge_spans(spans)[:MAX_SPANS])


def _show_signals(compiled: CompiledRuleSet, readings: Readings) -> dict[str, object]:
    """The fields rules read (null: unknown; texts are left out, the item has them), and what was found."""
    signals: dict[str, object] = {
        name: None if name in readings.unknown else readings.values[name]
        for name in compiled.fields
        if name not in _TEXTS
    }
    for (function, name), spans in readings.places.items():
        signals[f"{function}('{name}')"] = len(spans) if function == "hits" else True
    return signals


_TEXTS = frozenset({"item.text", "context.parent_text", "context.title", "metadata"})
