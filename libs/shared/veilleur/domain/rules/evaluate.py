"""Rules applied to one item. Pure: the same rule set and facts give the same outcome, and the trace gives it again.

Every rule is evaluated. The most severe live rule that fires decides, the earlier one among equals; where none fires,
the fallback does. Shadow rules are reported and never act.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from veilleur.domain.rules.compile import CompiledRule, CompiledRuleSet
from veilleur.domain.rules.document import Mode
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.logic import Answers, pack_answers, resolve_gate
from veilleur.domain.rules.outcome import Outcome
from veilleur.domain.rules.readings import Readings, answer_required, take_readings
from veilleur.domain.rules.schema import GATHERED_CALLS
from veilleur.domain.rules.signals.mapped import Span, merge_spans
from veilleur.domain.rules.trace import Stopped, read_answers, read_instant, read_stopped, write_trace

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
    stopped: Stopped | None = None

    @property
    def acts(self) -> bool:
        """Whether it has a say in the outcome."""
        return self.mode == "live" and self.stopped is None


@dataclass(frozen=True, slots=True)
class Evaluation:
    """`decided_by` is the rule the outcome is of, None for the fallback. `signals` are the values rules looked at.

    `open_providers` are the unknown fields of providers that could still change the outcome; it is final without any.
    `trace` is JSON to keep with the decision: `replay_outcome` reads the outcome from it.
    """

    outcome: Outcome
    decided_by: str | None
    matched: tuple[Match, ...]
    signals: Mapping[str, object]
    open_providers: frozenset[str]
    trace: Mapping[str, object]


def evaluate(compiled: CompiledRuleSet, facts: ItemFacts, exhausted: frozenset[str] = frozenset()) -> Evaluation:
    """Never raises for a compiled rule set and the facts of `item_facts`.

    `exhausted` are the ids of rules that have reached their daily cap.
    """
    readings = take_readings(compiled, facts)
    known = compiled.program.evaluate(readings.values, readings.unknown)
    answers = pack_answers([*known, *answer_required(compiled, facts, readings)])
    stopped = _find_stopped(compiled, facts.now, exhausted)
    fired = _find_fired(compiled, answers, stopped)
    chosen = _choose_fired(fired)
    matched = tuple(
        Match(one.rule.rule.id, one.rule.rule.mode, _list_spans(compiled, one.rule, answers, readings), one.unknown,
              one.stopped)
        for one in fired
    )  # fmt: skip
    signals = _show_signals(compiled, readings)
    decided_by = chosen.rule.rule.id if chosen else None
    told = {
        "signals": signals,
        "spans": {match.rule: [list(span) for span in match.spans] for match in matched},
        "decided_by": decided_by,
        "stopped": {match.rule: match.stopped for match in matched if match.stopped},
    }
    return Evaluation(
        outcome=_settle(compiled, chosen, facts.now),
        decided_by=decided_by,
        matched=matched,
        signals=signals,
        open_providers=_find_open_providers(compiled, fired, answers, stopped, facts),
        trace=write_trace(compiled.digest, facts.now, answers, told),
    )


def replay_outcome(compiled: CompiledRuleSet, trace: Mapping[str, object]) -> tuple[Outcome, str | None]:
    """The outcome and the rule that decided, from a stored trace alone; `ValueError` for another rule set's trace."""
    answers = read_answers(trace, compiled.digest, len(compiled.conditions) + len(compiled.required))
    chosen = _choose_fired(_find_fired(compiled, answers, read_stopped(trace)))
    return _settle(compiled, chosen, read_instant(trace)), chosen.rule.rule.id if chosen else None


def conclude(
    compiled: CompiledRuleSet, answers: Answers, now: datetime, exhausted: frozenset[str] = frozenset()
) -> tuple[Outcome, str | None]:
    """What the answers of all conditions come to, as `evaluate` has it: the outcome and the rule that decided."""
    chosen = _choose_fired(_find_fired(compiled, answers, _find_stopped(compiled, now, exhausted)))
    return _settle(compiled, chosen, now), chosen.rule.rule.id if chosen else None


@dataclass(frozen=True, slots=True)
class _Fired:
    """A rule whose condition is true or, with `unknown`, that acts on not knowing."""

    rule: CompiledRule
    unknown: bool
    stopped: Stopped | None

    @property
    def acts(self) -> bool:
        return self.rule.rule.mode == "live" and self.stopped is None


def _find_stopped(compiled: CompiledRuleSet, now: datetime, exhausted: frozenset[str]) -> dict[str, Stopped]:
    stopped: dict[str, Stopped] = dict.fromkeys(exhausted, "capped")
    for rule in compiled.rules:
        if rule.rule.expires_at is not None and rule.rule.expires_at <= now:
            stopped[rule.rule.id] = "expired"
    return stopped


def _find_fired(compiled: CompiledRuleSet, answers: Answers, stopped: Mapping[str, Stopped]) -> list[_Fired]:
    """In the order of the document."""
    fired: list[_Fired] = []
    possible = answers.true | answers.unknown
    for rule in compiled.rules:
        if rule.needed & possible != rule.needed:
            continue
        known = resolve_gate(rule.gate, answers)
        if known or (known is None and rule.rule.on_unknown is not None):
            fired.append(_Fired(rule, not known, stopped.get(rule.rule.id)))
    return fired


def _choose_fired(fired: Iterable[_Fired]) -> _Fired | None:
    """The most severe that acts, the earliest among equals."""
    return max((one for one in fired if one.acts), key=lambda one: one.rule.rule.severity, default=None)


def _settle(compiled: CompiledRuleSet, chosen: _Fired | None, now: datetime) -> Outcome:
    if chosen is None:
        return compiled.fallback.settle(now)
    rule = chosen.rule.rule
    return (rule.on_unknown if chosen.unknown and rule.on_unknown is not None else rule.then).settle(now)


def _find_open_providers(
    compiled: CompiledRuleSet, fired: Sequence[_Fired], answers: Answers, stopped: Collection[str], facts: ItemFacts
) -> frozenset[str]:
    """What the live rules wait for that come before the best of those that fire whatever a provider says."""
    waiting = [
        (rule, unknown)
        for rule in compiled.rules
        if rule.asks
        and rule.rule.mode == "live"
        and rule.rule.id not in stopped
        and (unknown := frozenset(field for field in rule.asks if field not in facts.fields))
        and resolve_gate(rule.gate, answers) is None
    ]
    if not waiting:
        return frozenset()
    unsure = {rule.rule.id for rule, _ in waiting}
    best = _choose_fired(one for one in fired if one.rule.rule.id not in unsure)
    order = {rule.rule.id: place for place, rule in enumerate(compiled.rules)}
    return frozenset(
        field for rule, unknown in waiting if best is None or _precedes(rule, best.rule, order) for field in unknown
    )


def _precedes(rule: CompiledRule, other: CompiledRule, order: Mapping[str, int]) -> bool:
    return (-rule.rule.severity, order[rule.rule.id]) < (-other.rule.severity, order[other.rule.id])


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
    for (function, name), slot in compiled.slots.items():
        if function in GATHERED_CALLS and slot in readings.values:
            signals[f"{function}('{name}')"] = None if slot in readings.unknown else readings.values[slot]
    return signals


_TEXTS = frozenset({"item.text", "context.parent_text", "context.title", "metadata"})
