"""What rules and counters name besides their conditions: required fields, filters of counters, providers."""

from collections.abc import Iterator

from veilleur.domain.rules.catalogue_view import Catalogue
from veilleur.domain.rules.document import Leaf, RuleSet, list_leaves
from veilleur.domain.rules.expressions import read_expression
from veilleur.domain.rules.findings import Mistake, suggest_name
from veilleur.domain.rules.schema import FIELDS, GATHERED, find_field
from veilleur.kernel.messages import msg


def check_references(rule_set: RuleSet, catalogue: Catalogue | None) -> list[Mistake]:
    return [
        *_check_required(rule_set),
        *_check_filters(rule_set),
        *(_check_providers(rule_set, catalogue.providers) if catalogue and catalogue.providers is not None else ()),
    ]


def _check_required(rule_set: RuleSet) -> Iterator[Mistake]:
    calls = {
        *(f"counter('{counter.name}')" for counter in rule_set.counters),
        *(f"media('{hashes.name}')" for hashes in rule_set.hashes),
    }
    for rule in rule_set.rules:
        for index, name in enumerate(rule.requires):
            if name in calls or find_field(name) == name:
                continue
            hint = suggest_name(name, [*FIELDS, *calls])
            message = msg("{name} is not a known name", name=name)
            yield Mistake((*rule.path, "requires", index), message, hint, "unknown-name")


def _check_filters(rule_set: RuleSet) -> Iterator[Mistake]:
    """What counts must be told by the item itself: the counters are asked before anything else is known."""
    for counter in rule_set.counters:
        if counter.where is None:
            continue
        read = read_expression(counter.where.expression)
        names = [field for field in sorted(read.fields) if field in GATHERED or field not in FIELDS]
        names += [f"counter('{call.argument}')" for call in read.calls if call.function == "counter"]
        if names:
            message = msg("what a counter counts can't depend on {names}", names=names)
            yield Mistake(counter.where.path, message, None, "counter")


def _check_providers(rule_set: RuleSet, known: frozenset[str]) -> Iterator[Mistake]:
    for rule in rule_set.rules:
        leaves: list[Leaf] = list_leaves(rule.when)
        for leaf in leaves:
            for field in sorted(read_expression(leaf.expression).fields):
                provider = field.split(".")[1] if field.startswith("provider.") and field not in FIELDS else None
                if provider is not None and provider not in known:
                    message = msg("{name} is not a provider of this client", name=provider)
                    yield Mistake(leaf.path, message, suggest_name(provider, known), "not-in-catalogue")
