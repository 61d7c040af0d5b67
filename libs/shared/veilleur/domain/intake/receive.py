"""Receipt: arrivals become rows, once. The caller's commit is the promise behind a 202.

`receive_group` takes the arrivals of many requests of one agency in one transaction (see the group commit of the
API). Two arrivals of one item never share a group; rows are written in (source, external id) order, because
unordered groups deadlock.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.envelope import InboundItem
from veilleur.domain.intake.models import Item, ItemRevision, ItemState
from veilleur.domain.intake.revisions import Status, Weighed, weigh_revision
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one request brought: a webhook (with its id and digest) or a bulk call (without)."""

    source: FoundSource
    items: tuple[InboundItem, ...]
    webhook_id: str | None = None
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    item_id: UUID
    external_id: str
    revision: int
    status: Status
    interim: str


Answer = list[Receipt] | Conflict
"""The receipts of an arrival, or why this arrival alone is refused."""

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

_INSERT_ITEMS = text("""
INSERT INTO items (agency_id, id, client_id, source_id, external_id, revision, kind, language, author_external_id,
                   thread_id, text_key, body, digest, interim, state, decisions, attempts)
SELECT :agency_id, t.id, t.client_id, t.source_id, t.external_id, t.revision, t.kind, t.language, t.author,
       t.thread_id, t.text_key, CAST(t.body AS jsonb), t.digest, t.interim, 'received', 0, 0
FROM unnest(CAST(:id AS uuid[]), CAST(:client_id AS uuid[]), CAST(:source_id AS uuid[]), CAST(:external_id AS text[]),
            CAST(:revision AS integer[]), CAST(:kind AS text[]), CAST(:language AS text[]), CAST(:author AS text[]),
            CAST(:thread_id AS text[]), CAST(:text_key AS bigint[]), CAST(:body AS text[]), CAST(:digest AS bytea[]),
            CAST(:interim AS text[]))
     AS t(id, client_id, source_id, external_id, revision, kind, language, author, thread_id, text_key, body, digest,
          interim)
ON CONFLICT (agency_id, source_id, external_id) DO NOTHING RETURNING id, received_at
""")


async def receive_group(session: AsyncSession, agency_id: UUID, group: Sequence[Arrival]) -> list[Answer]:
    """Store what is new of every arrival; one answer an arrival, in order.

    An arrival whose webhook id was used before for something else is answered with a `Conflict` and stores nothing.
    """
    contradicted, repeated = await _note_webhooks(session, agency_id, group)
    entries = sorted(
        (
            _Entry(position, arrival.source, item, position in repeated)
            for position, arrival in enumerate(group)
            if position not in contradicted
            for item in arrival.items
        ),
        key=lambda entry: entry.key,
    )
    receipts = await _store(session, agency_id, entries)
    if any(receipt.status == "accepted" for receipt in receipts.values()):
        await hint_work(session, agency_id, "screening")
        await hint_work(session, agency_id, "unscreened", in_s=60)
    return [
        contradicted.get(position) or [receipts[id(item)] for item in arrival.items]
        for position, arrival in enumerate(group)
    ]


@dataclass(frozen=True, slots=True)
class _Entry:
    position: int
    source: FoundSource
    item: InboundItem
    repeated: bool
    """Its webhook was taken before: a sender that tries again must not undo a newer edit."""

    @property
    def key(self) -> tuple[UUID, str]:
        return self.source.source_id, self.item.external_id


async def _note_webhooks(
    session: AsyncSession, agency_id: UUID, group: Sequence[Arrival]
) -> tuple[dict[int, Conflict], frozenset[int]]:
    """Keep each webhook id with its digest; the positions whose id stands for something else, and those seen before."""
    hooks: dict[tuple[UUID, str], Arrival] = {}
    for arrival in sorted(group, key=lambda arrival: (arrival.source.source_id, arrival.webhook_id or "")):
        if arrival.webhook_id is not None:
            hooks.setdefault((arrival.source.source_id, arrival.webhook_id), arrival)
    if not hooks:
        return {}, frozenset()
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
    contradicted = {
        position: Conflict(
            msg("webhook-id {id} was already used for another event", id=arrival.webhook_id), slug="event-conflict"
        )
        for position, arrival in enumerate(group)
        if known.get((arrival.source.source_id, arrival.webhook_id or ""), arrival.digest) != arrival.digest
    }
    first = {id(hooks[key]) for key in fresh}
    repeated = (
        position
        for position, arrival in enumerate(group)
        if arrival.webhook_id is not None and id(arrival) not in first
    )
    return contradicted, frozenset(repeated)


async def _store(session: AsyncSession, agency_id: UUID, entries: Sequence[_Entry]) -> dict[int, Receipt]:
    """Receipts by the identity of the inbound item; the first arrival of an item is inserted, the rest are weighed."""
    receipts: dict[int, Receipt] = {}
    first: dict[tuple[UUID, str], _Entry] = {}
    later = [entry for entry in entries if first.setdefault(entry.key, entry) is not entry]
    if not first:
        return receipts
    inserted = await _insert(session, agency_id, list(first.values()))
    for entry, item_id in inserted:
        receipts[id(entry.item)] = _receipt(entry, item_id, Weighed("accepted", entry.item.revision or 1))
    known = [entry for entry in first.values() if id(entry.item) not in receipts]
    for entry in [*known, *later]:
        receipts[id(entry.item)] = await _weigh(session, agency_id, entry)
    return receipts


async def _insert(session: AsyncSession, agency_id: UUID, entries: Sequence[_Entry]) -> list[tuple[_Entry, UUID]]:
    by_id = {new_id(): entry for entry in entries}
    rows = await session.execute(
        _INSERT_ITEMS,
        {
            "agency_id": agency_id,
            "id": list(by_id),
            "client_id": [entry.source.client_id for entry in entries],
            "source_id": [entry.source.source_id for entry in entries],
            "external_id": [entry.item.external_id for entry in entries],
            "revision": [entry.item.revision or 1 for entry in entries],
            "kind": [entry.item.kind for entry in entries],
            "language": [entry.item.language for entry in entries],
            "author": [entry.item.author_external_id for entry in entries],
            "thread_id": [entry.item.thread_id for entry in entries],
            "text_key": [entry.item.text_key for entry in entries],
            "body": [json.dumps(entry.item.body, ensure_ascii=False) for entry in entries],
            "digest": [entry.item.digest for entry in entries],
            "interim": [entry.source.interim for entry in entries],
        },
    )
    stored = [(row.id, row.received_at) for row in rows]
    await record_usage(
        session,
        agency_id,
        [_received(by_id[item_id].source, item_id, received_at) for item_id, received_at in stored],
    )
    return [(by_id[item_id], item_id) for item_id, _ in stored]


async def _weigh(session: AsyncSession, agency_id: UUID, entry: _Entry) -> Receipt:
    """Compare with the item that is there; a newer revision replaces it and is screened again."""
    known = await _lock_known(session, agency_id, entry)
    weighed = weigh_revision(
        known_revision=known.revision,
        known_digest=known.digest,
        sent_revision=entry.item.revision,
        sent_digest=entry.item.digest,
    )
    if weighed.status == "accepted" and entry.repeated:
        weighed = Weighed("duplicate", known.revision)
    if weighed.status == "accepted":
        await _replace(session, agency_id, known.id, entry, weighed.revision)
    return _receipt(entry, known.id, weighed)


async def _lock_known(session: AsyncSession, agency_id: UUID, entry: _Entry) -> Row[UUID, int, bytes]:
    query = select(Item.id, Item.revision, Item.digest).where(
        Item.agency_id == agency_id, tuple_(Item.source_id, Item.external_id) == entry.key
    )
    known = (await session.execute(query)).one()
    if known.digest == entry.item.digest:
        return known
    return (await session.execute(query.with_for_update())).one()


async def _replace(session: AsyncSession, agency_id: UUID, item_id: UUID, entry: _Entry, revision: int) -> None:
    mine = (Item.agency_id == agency_id, Item.id == item_id)
    await session.execute(
        insert(ItemRevision).from_select(
            ["agency_id", "id", "client_id", "item_id", "revision", "body", "digest"],
            select(
                Item.agency_id, func.gen_random_uuid(), Item.client_id, Item.id, Item.revision, Item.body, Item.digest
            ).where(*mine),
        )
    )
    await session.execute(
        update(Item)
        .where(*mine)
        .values(
            revision=revision,
            kind=entry.item.kind,
            language=entry.item.language,
            author_external_id=entry.item.author_external_id,
            thread_id=entry.item.thread_id,
            text_key=entry.item.text_key,
            body=entry.item.body,
            digest=entry.item.digest,
            state=ItemState.RECEIVED,
            attempts=0,
            attempted_at=None,
            received_at=func.app_now(),
        )
    )


def _received(source: FoundSource, item_id: UUID, received_at: Any) -> Usage:
    return Usage(
        client_id=source.client_id,
        time_zone=source.time_zone,
        meter="items.received",
        occurred_at=received_at,
        source_id=source.source_id,
        item_id=item_id,
    )


def _receipt(entry: _Entry, item_id: UUID, weighed: Weighed) -> Receipt:
    return Receipt(item_id, entry.item.external_id, weighed.revision, weighed.status, entry.source.interim)
