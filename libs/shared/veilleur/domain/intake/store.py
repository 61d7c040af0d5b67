"""New items, many at once, and finding the ones that are known."""

import json
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.arrival import Entry
from veilleur.domain.intake.envelope import InboundItem
from veilleur.domain.intake.models import Item
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.kernel.ids import new_id

_INSERT_ITEMS = text("""
INSERT INTO items (agency_id, id, client_id, source_id, external_id, revision, kind, language, author_external_id,
                   thread_id, text_key, body, digest, interim, mode, state, decisions, attempts)
SELECT :agency_id, t.id, t.client_id, t.source_id, t.external_id, t.revision, t.kind, t.language, t.author,
       t.thread_id, t.text_key, CAST(t.body AS jsonb), t.digest, t.interim, t.mode, 'received', 0, 0
FROM unnest(CAST(:id AS uuid[]), CAST(:client_id AS uuid[]), CAST(:source_id AS uuid[]), CAST(:external_id AS text[]),
            CAST(:revision AS integer[]), CAST(:kind AS text[]), CAST(:language AS text[]), CAST(:author AS text[]),
            CAST(:thread_id AS text[]), CAST(:text_key AS bigint[]), CAST(:body AS text[]), CAST(:digest AS bytea[]),
            CAST(:interim AS text[]), CAST(:mode AS text[]))
     AS t(id, client_id, source_id, external_id, revision, kind, language, author, thread_id, text_key, body, digest,
          interim, mode)
ON CONFLICT (agency_id, source_id, external_id) DO NOTHING RETURNING id, received_at
""")


async def insert_items(
    session: AsyncSession, agency_id: UUID, entries: Sequence[tuple[Entry, InboundItem]]
) -> list[tuple[Entry, UUID]]:
    """Insert and meter what is new, in the order given; an item that is known already is not among the answers."""
    if not entries:
        return []
    by_id = {new_id(): entry for entry, _ in entries}
    rows = await session.execute(_INSERT_ITEMS, {"agency_id": agency_id, "id": list(by_id)} | _to_columns(entries))
    stored = [(row.id, row.received_at) for row in rows]
    usage = [_received(by_id[item_id], item_id, received_at) for item_id, received_at in stored]
    await record_usage(session, agency_id, [fact for fact in usage if fact is not None])
    return [(by_id[item_id], item_id) for item_id, _ in stored]


async def find_known(session: AsyncSession, agency_id: UUID, entry: Entry, *, lock: bool) -> Item | None:
    """The item an event is about, as it is now."""
    query = select(Item).where(Item.agency_id == agency_id, tuple_(Item.source_id, Item.external_id) == entry.key)
    if lock:
        query = query.with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


def _to_columns(entries: Sequence[tuple[Entry, InboundItem]]) -> dict[str, list[object]]:
    return {
        "client_id": [entry.arrival.source.client_id for entry, _ in entries],
        "source_id": [entry.arrival.source.source_id for entry, _ in entries],
        "interim": [entry.arrival.source.interim for entry, _ in entries],
        "mode": [entry.arrival.mode for entry, _ in entries],
        "external_id": [item.external_id for _, item in entries],
        "revision": [item.revision or 1 for _, item in entries],
        "kind": [item.kind for _, item in entries],
        "language": [item.language for _, item in entries],
        "author": [item.author_external_id for _, item in entries],
        "thread_id": [item.thread_id for _, item in entries],
        "text_key": [item.text_key for _, item in entries],
        "body": [json.dumps(item.body, ensure_ascii=False) for _, item in entries],
        "digest": [item.digest for _, item in entries],
    }


def _received(entry: Entry, item_id: UUID, received_at: datetime) -> Usage | None:
    """Tests and observation are not billed: they leave no record."""
    if entry.arrival.mode != "live":
        return None
    source = entry.arrival.source
    return Usage(
        client_id=source.client_id,
        time_zone=source.time_zone,
        meter="items.received",
        occurred_at=received_at,
        source_id=source.source_id,
        item_id=item_id,
    )
