"""Telling the agency's own people, at the endpoints they named, what concerns them; nobody else hears of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.outbox.announce import AgencyEventType, Announcement, announce
from veilleur.domain.outbox.models import Endpoint
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.ids import show_id


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened, with the client it concerns; `data` is JSON-ready and never holds content."""

    type: AgencyEventType
    client_id: UUID | None
    data: dict[str, Any]
    occurred_at: datetime


async def notify_agency(session: AsyncSession, agency_id: UUID, notices: Sequence[Notice]) -> None:
    """Announce what an endpoint of the agency wants to hear; without one nothing is written."""
    wanted = await _load_wanted(session, agency_id) if notices else None
    told = [one for one in notices if wanted is not None and (not wanted or one.type in wanted)]
    if not told:
        return
    clients = {one.client_id for one in told if one.client_id is not None}
    names = select(Client.id, Client.name).where(Client.agency_id == agency_id, Client.id.in_(clients))
    named = {row.id: row.name for row in await session.execute(names)} if clients else {}
    await announce(session, agency_id, [_tell(one, named) for one in told])


async def _load_wanted(session: AsyncSession, agency_id: UUID) -> frozenset[str] | None:
    """The types that any endpoint wants, empty when one wants all; None when there is no endpoint."""
    query = select(Endpoint.events).where(
        Endpoint.agency_id == agency_id, Endpoint.client_id.is_(None), Endpoint.disabled_at.is_(None)
    )
    lists = list(await session.scalars(query))
    if not lists:
        return None
    return frozenset() if any(not events for events in lists) else frozenset(one for events in lists for one in events)


def _tell(notice: Notice, names: dict[UUID, str]) -> Announcement:
    client: dict[str, Any] | None = None
    if notice.client_id is not None:
        client = {"id": show_id("cli", notice.client_id), "name": names.get(notice.client_id)}
    return Announcement(None, notice.type, {"client": client} | notice.data, notice.occurred_at)
