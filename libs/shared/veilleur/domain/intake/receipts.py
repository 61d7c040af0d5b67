"""Webhook ids: one id of a source never says two things."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.arrival import Arrival
from veilleur.kernel.errors import Conflict, Problem
from veilleur.kernel.messages import msg

_INSERT_RECEIPTS = text("""
INSERT INTO webhook_receipts (agency_id, source_id, webhook_id, client_id, digest)
SELECT :agency_id, * FROM unnest(CAST(:sources AS uuid[]), CAST(:ids AS text[]), CAST(:clients AS uuid[]),
                                 CAST(:digests AS bytea[]))
ON CONFLICT DO NOTHING RETURNING source_id, webhook_id
""")

_SELECT_RECEIPTS = text("""
SELECT r.source_id, r.webhook_id, r.digest FROM webhook_receipts r
JOIN unnest(CAST(:sources AS uuid[]), CAST(:ids AS text[])) AS t(source_id, webhook_id) USING (source_id, webhook_id)
WHERE r.agency_id = :agency_id
""")


@dataclass(frozen=True, slots=True)
class Noted:
    """By position in the group: the arrivals whose id stands for something else, and those whose id was seen before."""

    contradicted: Mapping[int, Problem]
    repeated: frozenset[int]


async def note_webhooks(session: AsyncSession, agency_id: UUID, group: Sequence[tuple[int, Arrival]]) -> Noted:
    """Keep each webhook id with its digest."""
    hooks: dict[_Key, Arrival] = {}
    for _, arrival in sorted(group, key=lambda pair: (pair[1].source.source_id, pair[1].webhook_id or "")):
        if arrival.webhook_id is not None:
            hooks.setdefault((arrival.source.source_id, arrival.webhook_id), arrival)
    if not hooks:
        return Noted({}, frozenset())
    fresh, known = await _keep(session, agency_id, hooks)
    first = {id(hooks[key]) for key in fresh}
    hooked = [(position, arrival) for position, arrival in group if arrival.webhook_id is not None]
    return Noted(
        {
            position: Conflict(
                msg("webhook-id {id} was already used for another event", id=arrival.webhook_id), slug="event-conflict"
            )
            for position, arrival in hooked
            if known[arrival.source.source_id, arrival.webhook_id or ""] != arrival.digest
        },
        frozenset(position for position, arrival in hooked if id(arrival) not in first),
    )


_Key = tuple[UUID, str]


async def _keep(
    session: AsyncSession, agency_id: UUID, hooks: Mapping[_Key, Arrival]
) -> tuple[set[_Key], dict[_Key, bytes | None]]:
    """Which ids are new, and the digest that each of them stands for."""
    keys = {
        "agency_id": agency_id,
        "sources": [source_id for source_id, _ in hooks],
        "ids": [webhook_id for _, webhook_id in hooks],
    }
    values = {
        "clients": [arrival.source.client_id for arrival in hooks.values()],
        "digests": [arrival.digest for arrival in hooks.values()],
    }
    fresh = {(row.source_id, row.webhook_id) for row in await session.execute(_INSERT_RECEIPTS, keys | values)}
    known = {key: arrival.digest for key, arrival in hooks.items()}
    if len(fresh) < len(hooks):
        known |= {(row.source_id, row.webhook_id): row.digest for row in await session.execute(_SELECT_RECEIPTS, keys)}
    return fresh, known
