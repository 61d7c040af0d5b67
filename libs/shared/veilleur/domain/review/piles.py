"""The piles of ready cases, one for each client, queue and needs, and what lies on top of them.

No table lists the piles: the index of ready cases is walked from one pile to the next, so that an empty pile costs
nothing and nothing has to be kept in step. A million cases on a pile cost no more than one.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.fairness import Load
from veilleur.domain.review.models import Queue
from veilleur.domain.review.needs import Needs, QueueTerms, primary_language, read_needs
from veilleur.domain.tenancy.models import Client


@dataclass(frozen=True, slots=True)
class Pile:
    client_id: UUID
    queue: QueueTerms
    needs: Needs
    written: str


@dataclass(frozen=True, slots=True)
class Floor:
    """All piles of an agency that have something on them, and how much of each client is in hand."""

    piles: list[Pile]
    queues: dict[UUID, QueueTerms]
    load: Load


@dataclass(frozen=True, slots=True)
class Seen:
    """A case that was seen without a lock. `kept` for who looks; `expired` in somebody's hands; or `flagged`."""

    id: UUID
    kind: Literal["ready", "expired", "kept", "flagged"]
    client_id: UUID
    queue_id: UUID
    needs: Needs
    opened_at: datetime
    due_at: datetime
    expiries: int
    suspected: tuple[str, ...] = ()
    """Policies that it may breach, as far as rules and reports tell."""


async def load_queues(session: AsyncSession, agency_id: UUID) -> dict[UUID, QueueTerms]:
    query = select(Queue).where(Queue.agency_id == agency_id)
    return {queue.id: read_queue(queue) for queue in await session.scalars(query)}


def read_queue(queue: Queue) -> QueueTerms:
    return QueueTerms(
        id=queue.id,
        code=queue.code,
        skills=frozenset(queue.skills),
        languages=frozenset(filter(None, map(primary_language, queue.languages))),
        tier=queue.tier,
        relax_percent=queue.relax_percent,
        restricted=queue.restricted,
    )


async def load_floor(session: AsyncSession, agency_id: UUID) -> Floor:
    """In three statements, whatever waits."""
    queues = await load_queues(session, agency_id)
    agreed = select(Client.id, Client.guaranteed_slots).where(Client.agency_id == agency_id)
    slots = {row.id: row.guaranteed_slots for row in await session.execute(agreed) if row.guaranteed_slots is not None}
    piles: list[Pile] = []
    in_hand: Counter[UUID] = Counter()
    for row in await session.execute(_FLOOR, {"agency_id": agency_id}):
        if row.queue_id is None:
            in_hand[row.client_id] = row.in_hand
        else:
            piles.append(Pile(row.client_id, queues[row.queue_id], read_needs(row.needs), row.needs))
    clients = len({pile.client_id for pile in piles} | in_hand.keys())
    return Floor(piles, queues, Load(in_hand, slots, clients))


async def peek(
    session: AsyncSession, agency_id: UUID, member_id: UUID, piles: Collection[Pile], depth: int
) -> list[Seen]:
    """The top `depth` of each pile, and all that is kept for this member, expired elsewhere, or flagged. No locks."""
    values = {
        "agency_id": agency_id,
        "member_id": member_id,
        "clients": [pile.client_id for pile in piles],
        "queues": [pile.queue.id for pile in piles],
        "needs": [pile.written for pile in piles],
    }
    rows = await session.execute(_PEEKS[depth], values)
    return [
        Seen(
            id=row.id,
            kind=row.kind,
            client_id=row.client_id,
            queue_id=row.queue_id,
            needs=read_needs(row.needs),
            opened_at=row.opened_at,
            due_at=row.due_at,
            expiries=row.expiries,
            suspected=tuple(row.suspected),
        )
        for row in rows
    ]


async def count_ready(
    session: AsyncSession, agency_id: UUID, piles: Iterable[Pile]
) -> list[tuple[Pile, int, datetime | None]]:
    """How many cases lie on each pile, counted to `COUNT_CAP`, and when the first of them is due."""
    listed = list(piles)
    values = {
        "agency_id": agency_id,
        "clients": [pile.client_id for pile in listed],
        "queues": [pile.queue.id for pile in listed],
        "needs": [pile.written for pile in listed],
    }
    rows = (await session.execute(_COUNT, values)).all()
    return [(listed[row.place - 1], row.ready, row.next_due_at) for row in rows]


PEEK_DEPTHS = (8, 64, 512)
COUNT_CAP = 1_000

_READY = "state = 'ready' AND flag IS NULL"

# A walk along the index: each step finds the first case behind the pile before it.
_FLOOR = text(f"""
WITH RECURSIVE piles AS (
  (SELECT client_id, queue_id, needs FROM cases WHERE agency_id = :agency_id AND {_READY}
   ORDER BY client_id, queue_id, needs LIMIT 1)
  UNION ALL
  SELECT beyond.* FROM piles CROSS JOIN LATERAL (
    SELECT client_id, queue_id, needs FROM cases WHERE agency_id = :agency_id AND {_READY}
      AND (client_id, queue_id, needs) > (piles.client_id, piles.queue_id, piles.needs)
    ORDER BY client_id, queue_id, needs LIMIT 1) beyond)
SELECT client_id, queue_id, needs, 0 AS in_hand FROM piles
UNION ALL
SELECT client_id, NULL, NULL, count(*) FROM cases WHERE agency_id = :agency_id AND state = 'leased'
  AND lease_expires_at > app_now() GROUP BY client_id
""")

_PILES = """
SELECT * FROM unnest(CAST(:clients AS uuid[]), CAST(:queues AS uuid[]), CAST(:needs AS text[]))
  WITH ORDINALITY AS t(client_id, queue_id, needs, place)
"""

_SUSPECTED = """ARRAY(
  SELECT p #>> '{}' FROM jsonb_path_query(why, '$[*].policies[*]') AS p UNION ALL
  SELECT r.reason FROM reports r WHERE r.agency_id = cases.agency_id AND r.item_id = cases.item_id) AS suspected"""

# LIMITs are literal: as parameters a generic plan guesses a tenth of the table (measured elsewhere at 6 claims/s).
_PEEK = """
WITH piles AS MATERIALIZED ({piles})
SELECT heads.* FROM piles CROSS JOIN LATERAL (
  SELECT id, 'ready' AS kind, client_id, queue_id, needs, opened_at, due_at, expiries, {suspected} FROM cases
  WHERE agency_id = :agency_id AND {ready}
    AND client_id = piles.client_id AND queue_id = piles.queue_id AND needs = piles.needs
    AND NOT :member_id = ANY(passed_by) AND (reserved_for IS NULL OR reserved_until <= app_now())
  ORDER BY due_at, id LIMIT {depth}) heads
UNION ALL
SELECT id, 'expired', client_id, queue_id, needs, opened_at, due_at, expiries, {suspected} FROM cases
WHERE agency_id = :agency_id AND state = 'leased' AND lease_expires_at <= app_now() AND holder_id <> :member_id
  AND NOT :member_id = ANY(passed_by)
UNION ALL
SELECT id, 'kept', client_id, queue_id, needs, opened_at, due_at, expiries, {suspected} FROM cases
WHERE agency_id = :agency_id AND state = 'ready' AND reserved_for = :member_id AND reserved_until > app_now()
UNION ALL
(SELECT id, 'flagged', client_id, queue_id, needs, opened_at, due_at, expiries, {suspected} FROM cases
 WHERE agency_id = :agency_id AND state = 'ready' AND flag IS NOT NULL AND closed_at IS NULL
   AND NOT :member_id = ANY(passed_by) AND (reserved_for IS NULL OR reserved_until <= app_now())
 ORDER BY due_at LIMIT {depth})
"""
_PEEKS = {
    depth: text(_PEEK.format(piles=_PILES, ready=_READY, depth=depth, suspected=_SUSPECTED)) for depth in PEEK_DEPTHS
}

_COUNT = text(f"""
WITH piles AS MATERIALIZED ({_PILES})
SELECT piles.place, top.ready, top.next_due_at FROM piles CROSS JOIN LATERAL (
  SELECT count(*) AS ready, min(due_at) AS next_due_at FROM (
    SELECT due_at FROM cases WHERE agency_id = :agency_id AND {_READY}
      AND client_id = piles.client_id AND queue_id = piles.queue_id AND needs = piles.needs
    ORDER BY due_at, id LIMIT {COUNT_CAP}) AS heads) AS top
ORDER BY piles.place
""")
