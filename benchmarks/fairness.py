"""One client floods the desk with 8 times its usual volume: do the other three stay in time?

20 moderators, 60 s a case, four clients whose promises are 60, 15, 240 and 30 minutes; the second floods for two of
four hours. Every free moderator is given the next case by `rank_candidates`, the very function that claims are ranked
with, over the heads of the clients' piles as a claim sees them; nothing else of the service is needed, so hours pass
in a second. Earliest deadline first, without shares, is shown beside it.
"""

import heapq
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from _bench import show_result

from veilleur.domain.review.fairness import LATE_FIRST_SHARE, Candidate, Load, rank_candidates

MODERATORS = 20
HANDLING_S = 60.0
TARGETS_MIN = (60, 15, 240, 30)
BUSY = 3.75
"""Moderators that each client keeps busy in quiet hours."""
FLOODER, FLOOD = 1, 8
FLOOD_S = (3_600.0, 3 * 3_600.0)
END_S = 4 * 3_600.0
RUNS = 5
HEADS = 8
START = datetime(2026, 11, 23, 8, tzinfo=UTC)
CLIENTS = [UUID(int=number) for number in range(len(TARGETS_MIN))]

Rank = Callable[[Sequence[Candidate], Counter[UUID], datetime, bool], Candidate]


def main() -> None:
    shares = [_simulate(seed, _by_share) for seed in range(RUNS)]
    deadlines = [_simulate(seed, _by_deadline) for seed in range(RUNS)]
    innocent = [client for client in range(len(TARGETS_MIN)) if client != FLOODER]
    worst = min(run[client] for run in shares for client in innocent)
    show_result(
        "in time beside a flood, the worst of three clients in all runs",
        worst,
        "≥ 0.99",
        [
            ("as claims are ranked", _describe(shares)),
            ("earliest deadline alone", _describe(deadlines)),
            ("load", f"{RUNS} runs of 4 h, client 2 floods {FLOOD} × for 2 h"),
        ],
    )


def _describe(runs: Sequence[Sequence[float]]) -> str:
    means = (sum(run[client] for run in runs) / len(runs) for client in range(len(TARGETS_MIN)))
    return ", ".join(f"client {number}: {mean:.1%}" for number, mean in enumerate(means, 1))


def _by_share(heads: Sequence[Candidate], in_hand: Counter[UUID], present: datetime, late_first: bool) -> Candidate:  # noqa: FBT001
    load = Load(in_hand, {}, len({head.client_id for head in heads} | {one for one in in_hand if in_hand[one]}))
    [chosen] = rank_candidates(heads, load, present, wanted=1, late_first=late_first)
    return chosen


def _by_deadline(heads: Sequence[Candidate], _hands: Counter[UUID], _present: datetime, _late: bool) -> Candidate:  # noqa: FBT001
    return min(heads, key=lambda head: head.due_at)


def _simulate(seed: int, rank: Rank) -> list[float]:
    """The share of each client's cases decided in time; what is undecided at the end counts as late."""
    lot = random.Random(seed)
    arrivals = sorted((at, client) for client in range(len(CLIENTS)) for at in _arrivals(lot, client))
    piles: list[list[Candidate]] = [[] for _ in CLIENTS]
    busy: list[tuple[float, int]] = []
    in_hand: Counter[UUID] = Counter()
    met = [0] * len(CLIENTS)

    def work(now: float) -> None:
        present = START + timedelta(seconds=now)
        while len(busy) < MODERATORS and any(piles):
            chosen = rank(
                [head for pile in piles for head in pile[:HEADS]], in_hand, present, lot.random() < LATE_FIRST_SHARE
            )
            client = CLIENTS.index(chosen.client_id)
            piles[client].remove(chosen)
            in_hand[chosen.client_id] += 1
            took = lot.expovariate(1 / HANDLING_S)
            met[client] += present + timedelta(seconds=took) <= chosen.due_at
            heapq.heappush(busy, (now + took, client))

    for number, (at, client) in enumerate(arrivals):
        while busy and busy[0][0] <= at:
            freed_at, freed = heapq.heappop(busy)
            in_hand[CLIENTS[freed]] -= 1
            work(freed_at)
        opened = START + timedelta(seconds=at)
        due = opened + timedelta(minutes=TARGETS_MIN[client])
        piles[client].append(Candidate(UUID(int=1_000 + number), CLIENTS[client], opened, due))
        work(at)
    # What arrived too late to be due within the run proves nothing either way.
    totals = Counter(client for at, client in arrivals)
    waiting = [sum(one.due_at > START + timedelta(seconds=END_S) for one in pile) for pile in piles]
    return [met[client] / max(1, totals[client] - waiting[client]) for client in range(len(CLIENTS))]


def _arrivals(lot: random.Random, client: int) -> list[float]:
    at, found = 0.0, []
    while at < END_S:
        floods = client == FLOODER and FLOOD_S[0] <= at < FLOOD_S[1]
        at += lot.expovariate(BUSY / HANDLING_S * (FLOOD if floods else 1))
        found.append(at)
    return found


if __name__ == "__main__":
    main()
