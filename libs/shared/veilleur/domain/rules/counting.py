"""What one item adds to the counters of its client's rule set; pure, the counts themselves are kept elsewhere."""

from dataclasses import dataclass
from itertools import product

from veilleur.domain.rules.compile import CompiledRuleSet
from veilleur.domain.rules.document import CounterDeclaration
from veilleur.domain.rules.engine import Known
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.rules.readings import take_readings

MAX_KEYS = 50
"""Keys of one item under one counter; a list longer than that is cut."""


@dataclass(frozen=True, slots=True)
class Mark:
    """`keys` are those the item stands under, more than one where a list is counted by: the counter's value for this
    item is the highest among them. `member` is the value of the `distinct` field. Where `counts` is false the item
    adds nothing and the counter is only read; where None, whether it counts is not known, and the value is unknown.
    """

    counter: CounterDeclaration
    keys: tuple[str, ...]
    member: str | None
    counts: Known


def list_marks(compiled: CompiledRuleSet, facts: ItemFacts) -> tuple[Mark, ...]:
    """One mark for every counter that rules read; none for a counter this item has no key for (it is unknown then)."""
    counts = _answer_filters(compiled, facts)
    marks = (_mark(counter, facts, counts.get(counter.name, True)) for counter in compiled.counters)
    return tuple(mark for mark in marks if mark is not None)


def _mark(counter: CounterDeclaration, facts: ItemFacts, counts: Known) -> Mark | None:
    values = [_list_values(facts, name) for name in counter.key]
    keys = tuple("\x1f".join(parts) for parts in product(*values))[:MAX_KEYS]
    member = next(iter(_list_values(facts, counter.distinct)), None) if counter.distinct else None
    if not keys:
        return None
    return Mark(counter, keys, member, None if counter.distinct and member is None else counts)


def _list_values(facts: ItemFacts, name: str) -> list[str]:
    value = facts.fields.get(name)
    if value is None:
        return []
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _answer_filters(compiled: CompiledRuleSet, facts: ItemFacts) -> dict[str, Known]:
    if compiled.counting is None:
        return {}
    readings = take_readings(compiled, facts)
    answers = compiled.counting.evaluate(readings.values, readings.unknown)
    return dict(zip(compiled.counting_names, answers, strict=True))
