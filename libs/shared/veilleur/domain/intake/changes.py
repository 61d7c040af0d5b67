"""What happens to an item that is known: it is edited, deleted, reported, or sent once more."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.arrival import Entry, Receipt
from veilleur.domain.intake.echoes import is_echo, is_own_removal
from veilleur.domain.intake.envelope import InboundDeletion, InboundItem, InboundReport
from veilleur.domain.intake.models import Item, ItemRevision, ItemState, Report
from veilleur.domain.intake.revisions import weigh_revision
from veilleur.domain.intake.store import find_known, insert_items
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.kernel.ids import new_id

AGAIN: dict[str, Any] = {
    "state": ItemState.RECEIVED,
    "attempts": 0,
    "forgiven": 0,
    "attempted_at": None,
    "screen_after": None,
    "asked_at": func.app_now(),
}
"""The worker is to look at the item once more, and the clock counts from now."""


async def edit_item(session: AsyncSession, agency_id: UUID, entry: Entry, item: InboundItem) -> Receipt:
    """Weigh an arrival against the item that is there; a newer revision replaces it and is screened again."""
    known = await _require_known(session, agency_id, entry, lock=False)
    if known.erased_at is not None:
        return entry.receipt(known.id, "superseded", known.revision, known.interim)
    if known.digest != item.digest or known.deleted_at is not None:
        known = await _require_known(session, agency_id, entry, lock=True)
    weighed = weigh_revision(
        known_revision=known.revision,
        known_digest=known.digest,
        sent_revision=item.revision,
        sent_digest=item.digest,
        deleted=known.deleted_at is not None,
    )
    if weighed.status == "accepted" and (entry.repeated or await _is_echo(session, known, item)):
        return entry.receipt(known.id, "duplicate", known.revision, known.interim)
    if weighed.status == "accepted":
        if known.digest:
            await _keep_revision(session, known)
        else:
            await _count_received(session, known, entry, item)
        await _replace(session, known, item, _ask_again(entry) | {"revision": weighed.revision})
    return entry.receipt(known.id, weighed.status, weighed.revision, known.interim)


async def delete_item(session: AsyncSession, agency_id: UUID, entry: Entry, deletion: InboundDeletion) -> Receipt:
    """Note that the item is gone; the worker closes what is open. An unknown one leaves a tombstone for stragglers."""
    known = await find_known(session, agency_id, entry, lock=True)
    if known is None:
        await _bury(session, agency_id, entry, deletion)
        known = await _require_known(session, agency_id, entry, lock=True)
        if known.deleted_at is not None:
            return entry.receipt(known.id, "accepted", known.revision)
    if known.deleted_at is not None or entry.repeated:
        return entry.receipt(known.id, "duplicate", known.revision, known.interim)
    if deletion.revision is not None and deletion.revision < known.revision:
        return entry.receipt(known.id, "superseded", known.revision, known.interim)
    if known.state == ItemState.DECIDED and is_own_removal(known.removed_at, await _read_present(session)):
        return entry.receipt(known.id, "duplicate", known.revision, known.interim)
    await _update(session, known, _ask_again(entry) | {"deleted_at": func.app_now()})
    return entry.receipt(known.id, "accepted", known.revision, known.interim)


async def report_item(session: AsyncSession, agency_id: UUID, entry: Entry, report: InboundReport) -> Receipt:
    """Keep a report once; a decided item is looked at again. Content that comes along matters to unknown items only."""
    known = await find_known(session, agency_id, entry, lock=True)
    if known is None and report.item is not None:
        await insert_items(session, agency_id, [(entry, report.item)])
    if known is None:
        known = await _require_known(session, agency_id, entry, lock=True)
    if known.deleted_at is not None:
        return entry.receipt(known.id, "superseded", known.revision, known.interim)
    if not await _keep_report(session, known, report):
        return entry.receipt(known.id, "duplicate", known.revision, known.interim)
    if known.state == ItemState.DECIDED:
        await _update(session, known, _ask_again(entry))
    return entry.receipt(known.id, "accepted", known.revision, known.interim)


def _ask_again(entry: Entry) -> dict[str, Any]:
    """As `AGAIN`, in the trace of who asks."""
    return {**AGAIN, "traceparent": entry.arrival.traceparent}


async def _require_known(session: AsyncSession, agency_id: UUID, entry: Entry, *, lock: bool) -> Item:
    known = await find_known(session, agency_id, entry, lock=lock)
    if known is None:
        message = "an item vanished while its row was being weighed"
        raise RuntimeError(message)
    return known


async def _is_echo(session: AsyncSession, known: Item, item: InboundItem) -> bool:
    """Only a decided item has been acted upon: an open question is never answered by an echo."""
    if known.acted_at is None or known.state != ItemState.DECIDED:
        return False
    return is_echo(known.acted_at, await _read_present(session), known.body, item.body)


async def _read_present(session: AsyncSession) -> datetime:
    present: datetime = (await session.execute(select(func.app_now()))).scalar_one()
    return present


async def _count_received(session: AsyncSession, known: Item, entry: Entry, item: InboundItem) -> None:
    """What there was is the tombstone of an item that had never been seen: it is received only now."""
    source, present = entry.arrival.source, await _read_present(session)
    await _update(session, known, {"received_at": present, "mode": entry.arrival.mode})
    if entry.arrival.mode != "live":
        return
    dims = {
        "network": source.kind,
        "kind": item.kind,
        "language": item.language,
        "channel": (item.body.get("context") or {}).get("channel"),
    }
    fact = Usage(
        source.client_id, source.time_zone, "items.received", present, source_id=source.source_id, item_id=known.id,
        dims={name: value for name, value in dims.items() if value is not None},
    )  # fmt: skip
    await record_usage(session, known.agency_id, [fact])


async def _keep_revision(session: AsyncSession, known: Item) -> None:
    """A copy of what it said until now."""
    columns = ["agency_id", "id", "client_id", "item_id", "revision", "body", "digest"]
    kept = (Item.agency_id, func.gen_random_uuid(), Item.client_id, Item.id, Item.revision, Item.body, Item.digest)
    mine = (Item.agency_id == known.agency_id, Item.id == known.id)
    await session.execute(insert(ItemRevision).from_select(columns, select(*kept).where(*mine)))


async def _replace(session: AsyncSession, known: Item, item: InboundItem, asked: dict[str, Any]) -> None:
    await _update(
        session,
        known,
        {
            **asked,
            "deleted_at": None,
            "expired_at": None,
            "kind": item.kind,
            "language": item.language,
            "author_external_id": item.author_external_id,
            "thread_id": item.thread_id,
            "text_key": item.text_key,
            "body": item.body,
            "digest": item.digest,
        },
    )


async def _update(session: AsyncSession, known: Item, values: dict[str, Any]) -> None:
    mine = (Item.agency_id == known.agency_id, Item.id == known.id)
    await session.execute(update(Item).where(*mine).values(**values).execution_options(synchronize_session=False))


async def _keep_report(session: AsyncSession, known: Item, report: InboundReport) -> bool:
    row = {
        "agency_id": known.agency_id,
        "id": new_id(),
        "client_id": known.client_id,
        "item_id": known.id,
        "source": report.source,
        "reason": report.reason,
        "detail": report.detail,
        "reporter_external_id": report.reporter,
    }
    kept = await session.execute(upsert(Report).values(row).on_conflict_do_nothing().returning(Report.id))
    return kept.one_or_none() is not None


async def _bury(session: AsyncSession, agency_id: UUID, entry: Entry, deletion: InboundDeletion) -> None:
    source = entry.arrival.source
    tombstone = {
        "agency_id": agency_id,
        "id": new_id(),
        "client_id": source.client_id,
        "source_id": source.source_id,
        "external_id": deletion.external_id,
        "revision": deletion.revision or 1,
        "kind": "other",
        "body": {},
        "digest": b"",
        "mode": entry.arrival.mode,
        "state": ItemState.DELETED,
        "interim": source.interim,
        "deleted_at": func.app_now(),
        "closed_at": func.app_now(),
    }
    await session.execute(upsert(Item).values(tombstone).on_conflict_do_nothing())
