"""What the items of a batch ask the counters, and what the answers say about each item; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from veilleur.domain.rules.compile import CompiledRuleSet
from veilleur.domain.rules.counting import Mark, list_marks
from veilleur.domain.rules.facts import ItemFacts
from veilleur.domain.screening.client_settings import ClientSettings
from veilleur.infra.counters import Counter, Tally

ItemRevision = tuple[UUID, int]
"""Which item, and in which revision: what was counted for another text says nothing about this one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One tally, and the fact it is for."""

    item: ItemRevision
    fact: str
    tally: Tally


@dataclass(frozen=True, slots=True)
class Counts:
    """Facts by item and revision; `missed` are clients of whom items may have gone uncounted, `unmarked` says that
    some counter has to be recounted before it is believed.
    """

    facts: Mapping[ItemRevision, Mapping[str, int]] = field(default_factory=dict)
    missed: frozenset[UUID] = frozenset()
    unmarked: bool = False


NO_COUNTS = Counts()


def list_counters(client_id: UUID, compiled: CompiledRuleSet, settings: ClientSettings) -> list[Counter]:
    """The counters of a client's rules as they are known in the store."""
    return [
        Counter(f"{client_id.hex}:{declared.identity}", declared.window_s, settings.stamp)
        for declared in compiled.needs.counters
    ]


def ask_counters(
    item: ItemRevision, facts: ItemFacts, at: datetime, compiled: CompiledRuleSet, counters: Sequence[Counter]
) -> list[Asked]:
    """The tallies of one item; none for a counter it has no key for, or of which it is not known whether it counts."""
    by_name = {declared.name: one for declared, one in zip(compiled.needs.counters, counters, strict=True)}
    return [asked for mark in list_marks(compiled, facts) for asked in _ask(item, at, mark, by_name[mark.counter.name])]


def name_count(counter: str) -> str:
    """The fact that a counter's value is."""
    return f"counter('{counter}')"


def read_event_time(item: Mapping[str, object], received_at: datetime) -> datetime:
    """When an item was written, as its sender says; never after it was received."""
    said = item.get("created_at")
    try:
        at = datetime.fromisoformat(said) if isinstance(said, str) else received_at
    except ValueError:
        return received_at
    return min(at, received_at) if at.tzinfo is not None else received_at


def fold_answers(asked: Sequence[Asked], answers: Sequence[int | None]) -> Counts:
    """Of several keys the highest count is the item's; where one is not known, neither is the highest."""
    facts: dict[ItemRevision, dict[str, int]] = {}
    unknown: set[tuple[ItemRevision, str]] = set()
    for one, answer in zip(asked, answers, strict=True):
        found = facts.setdefault(one.item, {})
        if answer is None:
            unknown.add((one.item, one.fact))
        else:
            found[one.fact] = max(answer, found.get(one.fact, 0))
    for item, fact in unknown:
        facts[item].pop(fact, None)
    return Counts(facts, unmarked=bool(unknown))


def _ask(item: ItemRevision, at: datetime, mark: Mark, counter: Counter) -> list[Asked]:
    if mark.counts is None:
        return []
    member = (mark.member or str(item[0])) if mark.counts else None
    fact = name_count(mark.counter.name)
    return [Asked(item, fact, Tally(counter, key, at.timestamp(), member)) for key in mark.keys]
