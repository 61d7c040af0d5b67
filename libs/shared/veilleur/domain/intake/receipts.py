"""Webhook ids: one id of a source never says two things."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.arrival import Arrival
from veilleur.kernel.errors import Conflict, Problem
from veilleur.kernel.messages import msg

_INSERT_RECEIPTS = text("""
WITH kept AS (
  INSERT INTO webhook_receipts (agency_id, source_id, webhook_id, client_id, digest)
  SELECT CAST(:agency_id AS uuid), source_id, webhook_id, client_id, decode(digest, 'hex')
  FROM jsonb_to_recordset(CAST(CAST(:rows AS text) AS jsonb))
       AS t(source_id uuid, webhook_id text, client_id uuid, digest text)
  ON CONFLICT DO NOTHING RETURNING source_id, webhook_id)
SELECT app_now() AS present, kept.* FROM (SELECT) AS once LEFT JOIN kept ON true
""")

_SELECT_RECEIPTS = text("""
SELECT r.source_id, r.webhook_id, r.digest FROM webhook_receipts r
JOIN unnest(CAST(:sources AS uuid[]), CAST(:ids AS text[])) AS t(source_id, webhook_id) USING (source_id, webhook_id)
WHERE r.agency_id = :agency_id
""")


@dataclass(frozen=True, slots=True)
class Noted:
    """By position in the group: the arrivals whose id stands for something else, and those whose id was seen before.

    `present` is the transaction's instant, when the database was asked at all.
    """

    contradicted: Mapping[int, Problem]
    repeated: frozenset[int]
    present: datetime | None = None


async def note_webhooks(session: AsyncSession, agency_id: UUID, group: Sequence[tuple[int, Arrival]]) -> Noted:
    """Keep each webhook id with its digest."""
    hooks: dict[_Key, Arrival] = {}
    for _, arrival in sorted(group, key=lambda pair: (pair[1].source.source_id, pair[1].webhook_id or "")):
        if arrival.webhook_id is not None:
            hooks.setdefault((arrival.source.source_id, arrival.webhook_id), arrival)
    if not hooks:
        return Noted({}, frozenset())
    fresh, known, present = await _keep(session, agency_id, hooks)
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
        present,
    )


_Key = tuple[UUID, str]


async def _keep(
    session: AsyncSession, agency_id: UUID, hooks: Mapping[_Key, Arrival]
) -> tuple[set[_Key], dict[_Key, bytes | None], datetime]:
    """Which ids are new, the digest that each of them stands for, and the present."""
    rows = [
        {
            "source_id": str(source_id),
            "webhook_id": webhook_id,
            "client_id": str(arrival.source.client_id),
            "digest": (arrival.digest or b"").hex(),
        }
        for (source_id, webhook_id), arrival in hooks.items()
    ]
    values = {"agency_id": agency_id, "rows": json.dumps(rows)}
    kept = (await session.execute(_INSERT_RECEIPTS, values)).all()
    fresh = {(row.source_id, row.webhook_id) for row in kept if row.source_id is not None}
    known = {key: arrival.digest for key, arrival in hooks.items()}
    if len(fresh) < len(hooks):
        keys = {
            "agency_id": agency_id,
            "sources": [source_id for source_id, _ in hooks],
            "ids": [webhook_id for _, webhook_id in hooks],
        }
        known |= {(row.source_id, row.webhook_id): row.digest for row in await session.execute(_SELECT_RECEIPTS, keys)}
    return fresh, known, kept[0].present
