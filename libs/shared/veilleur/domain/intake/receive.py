"""Receipt: arrivals become rows, once. The caller's commit is the promise behind a 202.

`receive_group` takes the arrivals of many requests of one agency in one transaction (see the group commit of the
API). Rows are written in (source, external id) order, because unordered groups deadlock; several events of one item
take effect in the order they came.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.arrival import Arrival, Entry, Receipt
from veilleur.domain.intake.changes import delete_item, edit_item, report_item
from veilleur.domain.intake.envelope import InboundDeletion, InboundItem, InboundReport
from veilleur.domain.intake.models import Item
from veilleur.domain.intake.receipts import note_webhooks
from veilleur.domain.intake.retention import KEPT_S
from veilleur.domain.intake.settle_published import settle_published
from veilleur.domain.intake.store import insert_items
from veilleur.domain.metering.record import WATCHED_WITHIN_S
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import InputError, Invalid, Problem
from veilleur.kernel.messages import msg

LOOK_FOR_OVERDUE_S = 60

Answer = list[Receipt] | Problem
"""The receipts of an arrival, or why this arrival alone is refused."""


async def receive_group(session: AsyncSession, agency_id: UUID, group: Sequence[Arrival]) -> list[Answer]:
    """Store what is new of every arrival; one answer an arrival, in order.

    An arrival is refused alone, and stores nothing, when its webhook id was used for something else (`Conflict`) or
    when it reports an item that nobody knows without bringing its content (`Invalid`); a lenient one is taken without
    such a report.
    """
    unknown = await _find_unknown_reports(session, agency_id, group)
    left_out = {id(report) for _, arrival, report in unknown if arrival.lenient}
    refused = _refuse_reports((position, report) for position, arrival, report in unknown if not arrival.lenient)
    noted = await note_webhooks(session, agency_id, [pair for pair in enumerate(group) if pair[0] not in refused])
    refused |= noted.contradicted
    entries = sorted(
        (
            Entry(position, arrival, event, position in noted.repeated)
            for position, arrival in enumerate(group)
            if position not in refused
            for event in arrival.events
            if id(event) not in left_out
        ),
        key=lambda entry: entry.key,
    )
    receipts = await _take_in(session, agency_id, entries, noted.present)
    if any(receipt.status == "accepted" for receipt in receipts.values()):
        await hint_work(session, agency_id, "screening")
        await hint_work(session, agency_id, "unscreened", in_s=LOOK_FOR_OVERDUE_S)
        await hint_work(session, agency_id, "usage", in_s=WATCHED_WITHIN_S)
        await hint_work(session, agency_id, "retention", in_s=KEPT_S, daily=True)
    return [
        refused.get(position) or [receipts[id(event)] for event in arrival.events if id(event) not in left_out]
        for position, arrival in enumerate(group)
    ]


async def _take_in(
    session: AsyncSession, agency_id: UUID, entries: Sequence[Entry], present: datetime | None
) -> Mapping[int, Receipt]:
    """Receipts by the identity of the event. What comes first for its item and is content is inserted with its like."""
    receipts: dict[int, Receipt] = {}
    first: dict[tuple[UUID, str], Entry] = {}
    for entry in entries:
        first.setdefault(entry.key, entry)
    fresh = [(entry, entry.event) for entry in first.values() if isinstance(entry.event, InboundItem)]
    stored = await insert_items(session, agency_id, fresh, present)
    await settle_published(session, agency_id, [pair for pair in stored if pair[0].arrival.source.kind == "discourse"])
    for entry, item_id in stored:
        assert isinstance(entry.event, InboundItem)  # noqa: S101 - only such were given
        receipts[id(entry.event)] = entry.receipt(item_id, "accepted", entry.event.revision or 1)
    for entry in entries:
        if id(entry.event) not in receipts:
            receipts[id(entry.event)] = await _change(session, agency_id, entry)
    return receipts


async def _change(session: AsyncSession, agency_id: UUID, entry: Entry) -> Receipt:
    if isinstance(entry.event, InboundItem):
        return await edit_item(session, agency_id, entry, entry.event)
    if isinstance(entry.event, InboundDeletion):
        return await delete_item(session, agency_id, entry, entry.event)
    return await report_item(session, agency_id, entry, entry.event)


async def _find_unknown_reports(
    session: AsyncSession, agency_id: UUID, group: Sequence[Arrival]
) -> list[tuple[int, Arrival, InboundReport]]:
    """Reports without content whose item neither exists nor comes along in the same arrival."""
    bare = [
        (position, arrival, event)
        for position, arrival in enumerate(group)
        for event in arrival.events
        if isinstance(event, InboundReport) and event.item is None
    ]
    if not bare:
        return []
    keys = {(arrival.source.source_id, event.external_id) for _, arrival, event in bare}
    known = await _list_known(session, agency_id, keys)
    return [
        (position, arrival, event)
        for position, arrival, event in bare
        if (arrival.source.source_id, event.external_id) not in known
        and event.external_id not in _list_brought(arrival)
    ]


def _list_brought(arrival: Arrival) -> set[str]:
    """What comes along in an arrival, other than by being reported."""
    return {event.external_id for event in arrival.events if not isinstance(event, InboundReport)}


def _refuse_reports(reports: Iterable[tuple[int, InboundReport]]) -> dict[int, Problem]:
    refused: dict[int, list[InputError]] = {}
    for position, report in reports:
        error = InputError(f"{report.pointer}/text", msg("this item is not known yet"), msg("send its content along"))
        refused.setdefault(position, []).append(error)
    return {
        position: Invalid(msg("A report names an item that is not known"), errors=errors)
        for position, errors in refused.items()
    }


async def _list_known(session: AsyncSession, agency_id: UUID, keys: set[tuple[UUID, str]]) -> set[tuple[UUID, str]]:
    query = select(Item.source_id, Item.external_id).where(
        Item.agency_id == agency_id, tuple_(Item.source_id, Item.external_id).in_(sorted(keys))
    )
    return {(row.source_id, row.external_id) for row in await session.execute(query)}
