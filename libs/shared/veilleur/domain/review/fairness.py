"""Which case comes next; pure.

What is kept for this person comes before everything. Then a client with fewer cases in hand than its guaranteed share
goes first, as soon as half of the time of its case is gone: until then there is time for whatever is due earlier, and
in quiet hours nothing but deadlines counts. Then what can still be in time before what is late already, and then the
earliest deadline. No hand stays empty for anybody's share.
"""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

HANDLING = timedelta(seconds=60)
"""How long a decision usually takes: what is due sooner counts as late."""
LATE_FIRST_SHARE = 0.2
"""Every fifth claim, on average, takes late cases first, so that they are not left lying for ever."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A case that may be handed out now; `kept` for the person who asks."""

    id: UUID
    client_id: UUID
    opened_at: datetime
    due_at: datetime
    kept: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """`in_hand` counts the cases of each client under way; `slots` are the shares that were agreed.

    Clients with no share agreed have equal parts of all that is in hand; `clients` is how many want hands at all.
    """

    in_hand: Mapping[UUID, int]
    slots: Mapping[UUID, int]
    clients: int

    def share_of(self, client_id: UUID, total: int) -> int:
        """How many cases of the client may be in hand before others go first; `total` counts the next one too."""
        agreed = self.slots.get(client_id)
        return agreed if agreed is not None else -(-total // max(1, self.clients))


def rank_candidates(
    candidates: Iterable[Candidate], load: Load, present: datetime, *, wanted: int, late_first: bool = False
) -> list[Candidate]:
    """The first `wanted` to be handed out, in order, each choice counted as in hand for the next."""
    kept, piles = _sort_out(candidates, present, late_first=late_first)
    in_hand = Counter(dict(load.in_hand))
    in_hand.update(candidate.client_id for candidate in kept)
    chosen = kept[:wanted]
    while len(chosen) < wanted and piles:
        total = in_hand.total() + 1
        first = min(piles, key=lambda pile: _rank(pile[0], in_hand, load, total, present, late_first=late_first))
        candidate = first.popleft()
        in_hand[candidate.client_id] += 1
        chosen.append(candidate)
        piles = [pile for pile in piles if pile]
    return chosen


def _sort_out(
    candidates: Iterable[Candidate], present: datetime, *, late_first: bool
) -> tuple[list[Candidate], list[deque[Candidate]]]:
    """What is kept for the caller, and the rest by client in the order its cases would be taken.

    Hurried and unhurried cases of a client lie apart: of each pile only the first can be the next.
    """
    piles: dict[tuple[UUID, bool], list[Candidate]] = {}
    kept: list[Candidate] = []
    for candidate in candidates:
        if candidate.kept:
            kept.append(candidate)
        else:
            piles.setdefault((candidate.client_id, _is_hurried(candidate, present)), []).append(candidate)
    ordered = [_order(pile, present, late_first=late_first) for pile in piles.values()]
    return sorted(kept, key=lambda candidate: (candidate.due_at, candidate.id)), ordered


def _order(pile: Sequence[Candidate], present: datetime, *, late_first: bool) -> deque[Candidate]:
    return deque(sorted(pile, key=lambda candidate: _by_time(candidate, present, late_first=late_first)))


def _rank(
    candidate: Candidate, in_hand: Counter[UUID], load: Load, total: int, present: datetime, *, late_first: bool
) -> tuple[object, ...]:
    has_share = in_hand[candidate.client_id] >= load.share_of(candidate.client_id, total)
    waits = has_share or not _is_hurried(candidate, present)
    return (waits, *_by_time(candidate, present, late_first=late_first))


def _by_time(candidate: Candidate, present: datetime, *, late_first: bool) -> tuple[bool, datetime, UUID]:
    is_late = candidate.due_at < present + HANDLING
    return is_late != late_first, candidate.due_at, candidate.id


def _is_hurried(candidate: Candidate, present: datetime) -> bool:
    return candidate.due_at - present < present - candidate.opened_at
