"""Who is told what happens to clocks: the single place.

The agency's own endpoints hear of every warning and breach that is owed.

A client hears of warnings and breaches only with `share_sla`, and of its item, the metric and the due time only: never
of queues, members or notes, and not of a promise that is not owed.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.outbox.notify import Notice, notify_agency
from veilleur.domain.sla.countdown import Happening
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id


@dataclass(frozen=True, slots=True)
class Noted:
    """Something that happened, and what its clock is about."""

    clock_id: UUID
    client_id: UUID
    item_id: UUID
    metric: str
    excluded: str | None
    due_at: datetime
    happening: Happening
    target_class: str = ""


_TOLD: Mapping[str, Literal["sla.warning", "sla.breached"]] = {"warning": "sla.warning", "breached": "sla.breached"}


async def announce_sla(session: AsyncSession, agency_id: UUID, noted: Sequence[Noted]) -> None:
    """Tell those who are to be told, in the transaction in which it was noted."""
    told = [one for one in noted if one.happening.type in _TOLD and one.excluded is None]
    if not told:
        return
    await notify_agency(session, agency_id, [_notify(one) for one in told])
    sharing = await _list_sharing(session, agency_id, {one.client_id for one in told})
    shared = [one for one in told if one.client_id in sharing]
    items = await _load_items(session, agency_id, {one.item_id for one in shared})
    await announce(session, agency_id, [_tell(one, items[one.item_id]) for one in shared if one.item_id in items])


async def _list_sharing(session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> set[UUID]:
    query = select(Client.id).where(Client.agency_id == agency_id, Client.id.in_(client_ids), Client.share_sla)
    return set(await session.scalars(query))


async def _load_items(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> dict[UUID, Item]:
    if not item_ids:
        return {}
    query = select(Item).where(Item.agency_id == agency_id, Item.id.in_(item_ids))
    return {item.id: item for item in await session.scalars(query)}


def _notify(noted: Noted) -> Notice:
    data = {"item": show_id("itm", noted.item_id)} | _describe(noted)
    return Notice(_TOLD[noted.happening.type], noted.client_id, data, noted.happening.occurred_at)


def _describe(noted: Noted) -> dict[str, Any]:
    described = {"metric": noted.metric, "due_at": to_rfc3339(noted.due_at)}
    if noted.happening.type == "warning":
        described["threshold"] = noted.happening.threshold
    return described


def _tell(noted: Noted, item: Item) -> Announcement:
    data: dict[str, Any] = {"item": item_reference(item)} | _describe(noted)
    return Announcement(
        client_id=noted.client_id,
        type=_TOLD[noted.happening.type],
        data=data,
        occurred_at=noted.happening.occurred_at,
        item_id=noted.item_id,
    )
