"""What has to be gathered for a rule set before an item can be judged by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from veilleur.domain.rules.document import CounterDeclaration
from veilleur.domain.rules.expressions import Expression
from veilleur.domain.rules.schema import AUTHOR_HISTORY, find_field


@dataclass(frozen=True, slots=True)
class Needs:
    """`fields`: all that any condition or counter reads; `counters`, those that are read; `providers`, their fields."""

    counters: tuple[CounterDeclaration, ...]
    fields: frozenset[str]
    author_history: bool
    providers: frozenset[str]


def find_needs(
    conditions: Sequence[Expression],
    filters: Sequence[Expression],
    required: Iterable[str],
    counters: Sequence[CounterDeclaration],
) -> Needs:
    fields = {field for expression in (*conditions, *filters) for field in expression.fields}
    fields |= {name for name in required if find_field(name) == name}
    for counter in counters:
        fields |= {*counter.key, *([counter.distinct] if counter.distinct else [])}
    return Needs(
        counters=tuple(counters),
        fields=frozenset(fields),
        author_history=not fields.isdisjoint(AUTHOR_HISTORY),
        providers=frozenset(field for field in fields if field.startswith("provider.")),
    )
