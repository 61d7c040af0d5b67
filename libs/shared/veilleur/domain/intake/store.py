"""New items, many at once, and finding the ones that are known."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.arrival import Entry
from veilleur.domain.intake.envelope import InboundItem
from veilleur.domain.intake.models import Item
from veilleur.domain.metering.record import COUNT_RECEIVED, local_day
from veilleur.kernel.ids import new_id

# One document instead of an array a column: the driver's encoder looks twice at every element of an array. What rows
# of one source have in common is looked up by its place: a join might change the order of the rows, that of the locks.
_INSERT_ITEMS = text(f"""
WITH stored AS (
  INSERT INTO items (agency_id, id, client_id, source_id, external_id, revision, kind, language, author_external_id,
                     thread_id, text_key, body, digest, interim, mode, state, decisions, attempts, traceparent)
  SELECT CAST(:agency_id AS uuid), id, (CAST(:clients AS uuid[]))[place], (CAST(:sources AS uuid[]))[place],
         external_id, revision, kind, language, author, thread_id, text_key, body, decode(digest, 'hex'),
         (CAST(:interims AS text[]))[place], mode, 'received', 0, 0, traceparent
  FROM jsonb_to_recordset(CAST(CAST(:rows AS text) AS jsonb))
       AS t(id uuid, place integer, external_id text, revision integer, kind text, language text, author text,
            thread_id text, text_key bigint, body jsonb, digest text, mode text, traceparent text)
  ON CONFLICT (agency_id, source_id, external_id) DO NOTHING
  RETURNING agency_id, id, client_id, source_id, mode, kind, language, body->'context'->>'channel' AS channel),
{COUNT_RECEIVED}
SELECT id FROM stored
""")


async def insert_items(
    session: AsyncSession,
    agency_id: UUID,
    entries: Sequence[tuple[Entry, InboundItem]],
    present: datetime | None = None,
) -> list[tuple[Entry, UUID]]:
    """Insert and meter what is new, in the order given; an item that is known already is not among the answers.

    `present` spares a question when the transaction's instant is known.
    """
    if not entries:
        return []
    sources = list({entry.arrival.source.source_id: entry.arrival.source for entry, _ in entries}.values())
    places = {source.source_id: place for place, source in enumerate(sources, start=1)}
    by_id = {new_id(): pair for pair in entries}
    rows = [
        _write_row(item_id, places[entry.arrival.source.source_id], entry, item)
        for item_id, (entry, item) in by_id.items()
    ]
    present = present or (await session.execute(select(func.app_now()))).scalar_one()
    values = {
        "agency_id": agency_id,
        "rows": f"[{','.join(rows)}]",
        "sources": [source.source_id for source in sources],
        "clients": [source.client_id for source in sources],
        "interims": [source.interim for source in sources],
        "networks": [source.kind for source in sources],
        "zones": [source.time_zone for source in sources],
        "days": [local_day(present, source.time_zone) for source in sources],
        "present": present,
    }
    stored = await session.scalars(_INSERT_ITEMS, values)
    return [(by_id[item_id][0], item_id) for item_id in stored]


async def find_known(session: AsyncSession, agency_id: UUID, entry: Entry, *, lock: bool) -> Item | None:
    """The item an event is about, as it is now."""
    query = select(Item).where(Item.agency_id == agency_id, tuple_(Item.source_id, Item.external_id) == entry.key)
    if lock:
        query = query.with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


def _write_row(item_id: UUID, place: int, entry: Entry, item: InboundItem) -> str:
    """The row as JSON; the body is written already."""
    row = {
        "id": str(item_id),
        "place": place,
        "external_id": item.external_id,
        "revision": item.revision or 1,
        "kind": item.kind,
        "language": item.language,
        "author": item.author_external_id,
        "thread_id": item.thread_id,
        "text_key": item.text_key,
        "digest": item.digest.hex(),
        "mode": entry.arrival.mode,
        "traceparent": entry.arrival.traceparent,
    }
    return f'{json.dumps(row, ensure_ascii=False)[:-1]},"body":{item.written}}}'
