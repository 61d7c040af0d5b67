"""Which rules fire on the answers to their conditions, and which of them has its way. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from veilleur.domain.rules.compile import CompiledRule, CompiledRuleSet, Triggers
from veilleur.domain.rules.logic import Answers, resolve_gate
from veilleur.domain.rules.outcome import Outcome
from veilleur.domain.rules.trace import Stopped


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule whose condition is true or, with `unknown`, that acts on not knowing."""

    rule: CompiledRule
    unknown: bool
    stopped: Stopped | None

    @property
    def acts(self) -> bool:
        return self.rule.rule.mode == "live" and self.stopped is None


def find_stopped(compiled: CompiledRuleSet, now: datetime, exhausted: frozenset[str]) -> dict[str, Stopped]:
    stopped: dict[str, Stopped] = dict.fromkeys(exhausted, "capped")
    for rule in compiled.expiring:
        if rule.rule.expires_at is not None and rule.rule.expires_at <= now:
            stopped[rule.rule.id] = "expired"
    return stopped


def find_fired(compiled: CompiledRuleSet, answers: Answers, stopped: Mapping[str, Stopped]) -> list[Fired]:
    """In the order of the document."""
    fired: list[Fired] = []
    possible = answers.true | answers.unknown
    for place in _list_candidates(compiled.triggers, possible):
        rule = compiled.rules[place]
        if rule.needed & possible != rule.needed:
            continue
        known = resolve_gate(rule.gate, answers)
        if known or (known is None and rule.rule.on_unknown is not None):
            fired.append(Fired(rule, not known, stopped.get(rule.rule.id)))
    return fired


def choose_fired(fired: Iterable[Fired]) -> Fired | None:
    """The most severe that acts, the earliest among equals."""
    return max((one for one in fired if one.acts), key=lambda one: one.rule.rule.severity, default=None)


def settle_outcome(compiled: CompiledRuleSet, chosen: Fired | None, now: datetime) -> Outcome:
    if chosen is None:
        return compiled.fallback.settle(now)
    rule = chosen.rule.rule
    return (rule.on_unknown if chosen.unknown and rule.on_unknown is not None else rule.then).settle(now)


def find_open_providers(
    compiled: CompiledRuleSet,
    fired: Sequence[Fired],
    answers: Answers,
    stopped: Collection[str],
    hidden: Collection[str],
) -> frozenset[str]:
    """What the live rules wait for that come before the best of those that fire whatever a provider says."""
    if compiled.needs.providers.isdisjoint(hidden):
        return frozenset()
    waiting = [
        (rule, unknown)
        for rule in compiled.asking
        if rule.rule.id not in stopped
        and (unknown := frozenset(field for field in rule.asks if field in hidden))
        and resolve_gate(rule.gate, answers) is None
    ]
    if not waiting:
        return frozenset()
    unsure = {rule.rule.id for rule, _ in waiting}
    best = choose_fired(one for one in fired if one.rule.rule.id not in unsure)
    order = {rule.rule.id: place for place, rule in enumerate(compiled.rules)}
    return frozenset(
        field for rule, unknown in waiting if best is None or _precedes(rule, best.rule, order) for field in unknown
    )


def _list_candidates(triggers: Triggers, possible: int) -> list[int]:
    places = set(triggers.always)
    rest = possible & triggers.leaves
    while rest:
        lowest = rest & -rest
        places.update(triggers.by_leaf[lowest.bit_length() - 1])
        rest ^= lowest
    return sorted(places)


def _precedes(rule: CompiledRule, other: CompiledRule, order: Mapping[str, int]) -> bool:
    return (-rule.rule.severity, order[rule.rule.id]) < (-other.rule.severity, order[other.rule.id])
