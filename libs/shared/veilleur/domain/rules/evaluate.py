"""Rules applied to one item. Pure: the same rule set and facts give the same outcome, and the trace gives it again.

Every rule is evaluated. The most severe live rule that fires decides, the earlier one among equals; where none fires,
the fallback does. Shadow rules are reported and never act.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from veilleur.domain.rules.compile import CompiledRule, CompiledRuleSet
from veilleur.domain.rules.document import Mode
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.firing import choose_fired, find_fired, find_open_providers, find_stopped, settle_outcome
from veilleur.domain.rules.logic import Answers, pack_answers
from veilleur.domain.rules.outcome import Outcome
from veilleur.domain.rules.readings import Readings, answer_required, take_readings
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
    answers = pack_answers([*known, *answer_required(compiled, readings)])
    stopped = find_stopped(compiled, facts.now, exhausted)
    fired = find_fired(compiled, answers, stopped)
    chosen = choose_fired(fired)
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
        outcome=settle_outcome(compiled, chosen, facts.now),
        decided_by=decided_by,
        matched=matched,
        signals=signals,
        open_providers=find_open_providers(compiled, fired, answers, stopped, readings.unknown),
        trace=write_trace(compiled.digest, facts.now, answers, told),
    )


def replay_outcome(compiled: CompiledRuleSet, trace: Mapping[str, object]) -> tuple[Outcome, str | None]:
    """The outcome and the rule that decided, from a stored trace alone; `ValueError` for another rule set's trace."""
    answers = read_answers(trace, compiled.digest, len(compiled.conditions) + len(compiled.required_slots))
    chosen = choose_fired(find_fired(compiled, answers, read_stopped(trace)))
    return settle_outcome(compiled, chosen, read_instant(trace)), chosen.rule.rule.id if chosen else None


def conclude(
    compiled: CompiledRuleSet, answers: Answers, now: datetime, exhausted: frozenset[str] = frozenset()
) -> tuple[Outcome, str | None]:
    """What the answers of all conditions come to, as `evaluate` has it: the outcome and the rule that decided."""
    chosen = choose_fired(find_fired(compiled, answers, find_stopped(compiled, now, exhausted)))
    return settle_outcome(compiled, chosen, now), chosen.rule.rule.id if chosen else None


def _list_spans(
    compiled: CompiledRuleSet, rule: CompiledRule, answers: Answers, readings: Readings
) -> tuple[Span, ...]:
    calls = [call for leaf in rule.leaves if answers.true >> leaf & 1 for call in compiled.conditions[leaf].calls]
    if not calls:
        return ()
    return tuple(merge_spans([span for call in calls for span in readings.list_spans(call)])[:MAX_SPANS])


def _show_signals(compiled: CompiledRuleSet, readings: Readings) -> dict[str, object]:
    """The fields rules read (null: unknown; texts are left out, the item has them), and what was found."""
    values, unknown = readings.values, readings.unknown
    signals = {name: None if name in unknown else values[name] for name in compiled.shown}
    signals |= {f"hits('{name}')": readings.hits.count(name) for name in readings.hits.names}
    signals |= {f"pattern('{name}')": True for name in sorted(readings.patterns.names)}
    signals |= {compiled.called[slot]: None for slot in sorted(unknown) if slot in compiled.called}
    signals |= {f"linked('{name}')": True for name, spans in readings.linked.items() if spans}
    signals |= {name: None if slot in unknown else values[slot] for name, slot, _ in compiled.gathered_slots}
    return signals
