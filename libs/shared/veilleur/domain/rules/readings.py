"""What a rule set looks for in one item, measured: hits of lists, patterns found, links listed, and where."""

from collections.abc import Mapping
from dataclasses import dataclass

from veilleur.domain.rules.compile import CompiledRuleSet
from veilleur.domain.rules.engine import Known
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.schema import FUNCTIONS, GATHERED_CALLS, PLACEHOLDERS, split_call, type_field
from veilleur.domain.rules.signals.links import find_listed
from veilleur.domain.rules.signals.mapped import Span


@dataclass(frozen=True, slots=True)
class Readings:
    """`places`: where each call was found, `{("hits", "insults"): [(0, 4)]}`, in code points of the text as sent.

    `values` holds every variable of the engine; `unknown` those whose value is a placeholder, and required fields.
    """

    places: Mapping[tuple[str, str], list[Span]]
    values: Mapping[str, object]
    unknown: frozenset[str]


def take_readings(compiled: CompiledRuleSet, facts: ItemFacts) -> Readings:
    hits = compiled.phrases.find_phrases(facts.keys)
    patterns = compiled.patterns.find_patterns(facts.keys)
    linked = {name: find_listed(facts.links, domains) for name, domains in compiled.domains.items()}
    places: dict[tuple[str, str], list[Span]] = {("hits", name): spans for name, spans in hits.items()}
    places |= {("pattern", name): spans for name, spans in patterns.spans.items()}
    places |= {("linked", name): spans for name, spans in linked.items() if spans}
    values: dict[str, object] = {
        "_hits": [len(hits.get(name, ())) for name in compiled.phrases.names],
        "_patterns": [name in patterns.spans for name in compiled.patterns.names],
        "_linked": [bool(spans) for spans in linked.values()],
    }
    unknown = {slot for name in patterns.unknown if (slot := compiled.slots.get(("pattern", name)))}
    _read_fields(compiled, facts, values, unknown)
    _read_slots(compiled, facts, values, unknown)
    return Readings(places, values, frozenset(unknown))


def answer_required(compiled: CompiledRuleSet, facts: ItemFacts, readings: Readings) -> list[Known]:
    """For each field or call that rules require: true, or unknown."""
    calls = [split_call(name) for name in compiled.required]
    return [
        True if (name in facts.fields if call is None else compiled.slots[call] not in readings.unknown) else None
        for name, call in zip(compiled.required, calls, strict=True)
    ]


def _read_fields(compiled: CompiledRuleSet, facts: ItemFacts, values: dict[str, object], unknown: set[str]) -> None:
    for name in compiled.fields:
        value = facts.fields.get(name)
        if value is None:
            unknown.add(name)
            value = PLACEHOLDERS[type_field(name)]
        values[name] = value


def _read_slots(compiled: CompiledRuleSet, facts: ItemFacts, values: dict[str, object], unknown: set[str]) -> None:
    """Counters and media: handed in, media else by the hashes that came with the item."""
    lists = {("media", hashes.name): hashes for hashes in compiled.hashes}
    for (function, name), slot in compiled.slots.items():
        if function not in GATHERED_CALLS:
            continue
        value = facts.fields.get(f"{function}('{name}')")
        if value is None and function == "media":
            value = lists[function, name].find_media(facts.media)
        if value is None:
            unknown.add(slot)
            value = PLACEHOLDERS[FUNCTIONS[function]]
        values[slot] = value
