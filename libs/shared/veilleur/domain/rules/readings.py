"""What a rule set looks for in one item, measured: hits of lists, patterns found, links listed, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from veilleur.domain.rules.compile import CompiledRuleSet
from veilleur.domain.rules.engine import Known
from veilleur.domain.rules.expressions import Call
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.signals.links import MAX_LINKS, find_listed
from veilleur.domain.rules.signals.mapped import Span
from veilleur.domain.rules.signals.patterns import PatternHits
from veilleur.domain.rules.signals.phrases import PhraseHits


@dataclass(frozen=True, slots=True)
class Readings:
    """`values` holds every variable of the engine; `unknown` those whose value is a placeholder."""

    hits: PhraseHits
    patterns: PatternHits
    linked: Mapping[str, list[Span]]
    values: Mapping[str, object]
    unknown: frozenset[str]

    def list_spans(self, call: Call) -> list[Span]:
        """Where a call that is true was found, in code points of the text as sent."""
        if call.function == "hits":
            return self.hits.list_spans(call.argument)
        if call.function == "pattern":
            return self.patterns.list_spans(call.argument)
        return self.linked.get(call.argument, []) if call.function == "linked" else []


def take_readings(compiled: CompiledRuleSet, facts: ItemFacts) -> Readings:
    hits = compiled.phrases.find_phrases(facts.keys)
    patterns = compiled.patterns.find_patterns(facts.keys)
    links = facts.links if compiled.domains else ()
    linked = {name: find_listed(links, domains) for name, domains in compiled.domains.items()}
    values: dict[str, object] = {
        "_hits": _list_counts(compiled.phrases.names, hits),
        "_patterns": [name in patterns.names for name in compiled.patterns.names],
        "_linked": [bool(spans) for spans in linked.values()],
    }
    unseen = [("hits", name) for name in hits.unknown] + [("pattern", name) for name in patterns.unknown]
    if len(links) >= MAX_LINKS:
        unseen += [("linked", name) for name, spans in linked.items() if not spans]
    unknown = {slot for call in unseen if (slot := compiled.slots.get(call))}
    _read_fields(compiled, facts, values, unknown)
    _read_slots(compiled, facts, values, unknown)
    return Readings(hits, patterns, linked, values, frozenset(unknown))


def answer_required(compiled: CompiledRuleSet, readings: Readings) -> list[Known]:
    """For each field or call that rules require: true, or unknown."""
    return [None if name in readings.unknown else True for name in compiled.required_slots]


def _list_counts(names: Sequence[str], hits: PhraseHits) -> list[int]:
    if not hits.names:
        return [0] * len(names)
    counts = dict.fromkeys(names, 0) | {name: hits.count(name) for name in hits.names}
    return list(counts.values())


def _read_fields(compiled: CompiledRuleSet, facts: ItemFacts, values: dict[str, object], unknown: set[str]) -> None:
    known = facts.read_fields(compiled.readers)
    for name, placeholder in compiled.placeholders.items():
        value = known.get(name)
        if value is None:
            unknown.add(name)
            value = placeholder
        values[name] = value


def _read_slots(compiled: CompiledRuleSet, facts: ItemFacts, values: dict[str, object], unknown: set[str]) -> None:
    """Counters and media: handed in, media else by the hashes that came with the item."""
    for name, slot, hashes in compiled.gathered_slots:
        value = facts.given.get(name)
        if value is None and hashes is not None:
            value = hashes.find_media(facts.media)
        if value is None:
            unknown.add(slot)
            value = False if hashes is not None else 0
        values[slot] = value
