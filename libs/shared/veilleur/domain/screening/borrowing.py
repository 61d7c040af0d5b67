"""Facts gathered for one rule set, as far as they are true for another; pure."""

from collections.abc import Mapping

from veilleur.domain.rules.compile import CompiledRuleSet


def borrow_facts(
    gathered: Mapping[str, object], source: CompiledRuleSet | None, target: CompiledRuleSet
) -> Mapping[str, object]:
    """Without the counts that `target` declares otherwise under the same name: unknown to it, never another's number.

    `source` None: nobody knows for whom they were gathered.
    """
    known = {} if source is None else {counter.name: counter.identity for counter in source.counters}
    foreign = {
        f"counter('{counter.name}')" for counter in target.counters if known.get(counter.name) != counter.identity
    }
    if foreign.isdisjoint(gathered):
        return gathered
    return {name: value for name, value in gathered.items() if name not in foreign}
