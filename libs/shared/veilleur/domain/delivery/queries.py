"""Reading deliveries: pages of them, and one with its log."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import undefer

from veilleur.domain.delivery.shape import describe_delivery, describe_log
from veilleur.domain.outbox.models import Delivery, Event
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import PageRequest, cut_page


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries: of a client, to an endpoint, in a state; in the order they were made or the newest first."""

    agency_id: UUID
    client_id: UUID | None = None
    endpoint_id: UUID | None = None
    state: str | None = None
    newest_first: bool = False


async def page_deliveries(session: AsyncSession, wanted: Wanted, request: PageRequest) -> dict[str, Any]:
    """`{"data": […], "next"}`"""
    same_event = (Event.agency_id == Delivery.agency_id) & (Event.id == Delivery.event_id)
    query = select(Delivery, Event.type).join(Event, same_event).where(Delivery.agency_id == wanted.agency_id)
    for column, value in (
        (Delivery.client_id, wanted.client_id),
        (Delivery.endpoint_id, wanted.endpoint_id),
        (Delivery.state, wanted.state),
    ):
        if value is not None:
            query = query.where(column == value)
    if request.after is not None:
        place = _read_uuid(request.after[0])
        query = query.where(Delivery.id < place if wanted.newest_first else Delivery.id > place)
    query = query.order_by(Delivery.id.desc() if wanted.newest_first else Delivery.id).limit(request.limit + 1)
    page = cut_page((await session.execute(query)).all(), request, lambda row: [str(row[0].id)])
    return {"data": [describe_delivery(delivery, kind) for delivery, kind in page.data], "next": page.next}


async def find_delivery(session: AsyncSession, agency_id: UUID, client_id: UUID | None, shown: str) -> Delivery:
    """By its shown id; of one client where one is named. With its log."""
    key = (agency_id, read_id("dlv", shown))
    delivery = await session.get(Delivery, key, options=[undefer(Delivery.log)])
    if delivery is None or (client_id is not None and delivery.client_id != client_id):
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return delivery


async def show_delivery(session: AsyncSession, delivery: Delivery, *, with_body: bool) -> dict[str, Any]:
    """A delivery with every attempt; its body where asked for."""
    event = await session.get_one(Event, (delivery.agency_id, delivery.event_id))
    return describe_delivery(delivery, event.type) | describe_log(delivery, event.body, with_body=with_body)


def _read_uuid(text: str) -> UUID:
    """A cursor that nobody was given leads to where the list in the order of making starts."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)
