"""What a rule set looks for in one item, measured: hits of lists, patterns found, links listed, and where."""

from collections.abc import Mapping
from dataclasses import dataclass

from veilleur.domain.rules.compile import CompiledRuleSet
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.schema import FIELDS, PLACEHOLDERS
from veilleur.domain.rules.signals.links import find_listed
from veilleur.domain.rules.signals.mapped import Span
from veilleur.domain.rules.signals.text import TextKeys


@dataclass(frozen=True, slots=True)
class Readings:
    """`places`: where each call was found, `{("hits", "insults"): [(0, 4)]}`, in code points of the text as sent.

    `values` holds every variable of the engine; `unknown` those whose value is a placeholder.
    """

    places: Mapping[tuple[str, str], list[Span]]
    values: Mapping[str, object]
    unknown: frozenset[str]


def take_readings(compiled: CompiledRuleSet, facts: ItemFacts) -> Readings:
    keys = TextKeys(facts.text)
    hits = compiled.phrases.find_phrases(keys)
    patterns = compiled.patterns.find_patterns(keys)
    linked = {name: find_listed(facts.links, domains) for name, domains in compiled.domains.items()}
    places: dict[tuple[str, str], list[Span]] = {("hits", name): spans for name, spans in hits.items()}
    places |= {("pattern", name): spans for name, spans in patterns.spans.items()}
    places |= {("linked", name): spans for name, spans in linked.items() if spans}
    values = {name: facts.fields.get(name, _PLACEHOLDERS[name]) for name in compiled.fields}
    values["_hits"] = [len(hits.get(name, ())) for name in compiled.phrases.names]
    values["_patterns"] = [name in patterns.spans for name in compiled.patterns.names]
    values["_linked"] = [bool(spans) for spans in linked.values()]
    unknown = {name for name in compiled.fields if name not in facts.fields}
    if patterns.unknown:
        names = enumerate(compiled.patterns.names)
        unknown |= {f"_patterns[{index}]" for index, name in names if name in patterns.unknown}
    return Readings(places, values, frozenset(unknown))


_PLACEHOLDERS = {name: PLACEHOLDERS[field_type] for name, field_type in FIELDS.items()}
