"""Whether the trail still is what was sealed, place by place; pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from veilleur.domain.audit.merkle import Entry, Head, find_root, hash_entry

Flaw = Literal[
    "edited", "deleted", "reordered", "place_missing", "root", "chain", "signature", "tail_cut", "inserted", "unsealed"
]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A seal as it is kept."""

    head: Head
    kid: str
    signature: str


@dataclass(frozen=True, slots=True)
class Place:
    """A place with the hash it had and the entry that stands there now, if any does."""

    number: int
    entry_id: UUID
    leaf: bytes
    entry: Entry | None


@dataclass(frozen=True, slots=True)
class Finding:
    """The first thing that is wrong: at which seal, place and entry, as far as that can be said."""

    flaw: Flaw
    seal: int
    place: int | None = None
    entry_id: UUID | None = None


def inspect_seal(
    sealed: Sealed,
    previous: Head | None,
    places: Sequence[Place],
    is_signed: Callable[[Sealed], bool],
) -> Finding | None:
    """The first flaw of one seal and the rows under it, which come in the order of their places.

    Entry by entry before the seal as a whole: a row that was changed is named, and only one who changed its hash as
    well leaves nothing but the root to tell of it.
    """
    head = sealed.head
    expected_first = 1 if previous is None else previous.last_place + 1
    if head.number != (1 if previous is None else previous.number + 1) or head.first_place != expected_first:
        return Finding("chain", head.number, expected_first)
    named = _inspect_places(head, places)
    if named is not None:
        return named
    if find_root([place.leaf for place in places]) != head.root:
        return Finding("root", head.number, head.first_place)
    if head.previous != (None if previous is None else previous.root):
        return Finding("chain", head.number, head.first_place)
    return None if is_signed(sealed) else Finding("signature", head.number, head.first_place)


def _inspect_places(head: Head, places: Sequence[Place]) -> Finding | None:
    before: UUID | None = None
    found = {place.number: place for place in places}
    for number in range(head.first_place, head.last_place + 1):
        place = found.get(number)
        if place is None:
            return Finding("place_missing", head.number, number)
        if place.entry is None:
            return Finding("deleted", head.number, number, place.entry_id)
        if before is not None and place.entry_id < before:
            return Finding("reordered", head.number, number, place.entry_id)
        if hash_entry(place.entry) != place.leaf:
            return Finding("edited", head.number, number, place.entry_id)
        before = place.entry_id
    return None
