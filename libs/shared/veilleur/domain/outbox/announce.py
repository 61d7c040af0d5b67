"""Telling a client, or the agency itself: an event row, and one delivery for each endpoint that wants it.

Both are written in the fact's transaction.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.outbox.models import Delivery, Endpoint, Event
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import new_id

EventType = Literal[
    "decision.made", "decision.reversed", "item.held", "item.emergency", "catalogue.changed", "case.question",
    "case.returned", "sla.warning", "sla.breached", "endpoint.disabled", "ping",
]  # fmt: skip
AgencyEventType = Literal[
    "sla.warning", "sla.breached", "queue.uncovered", "source.silent", "rule.anomaly", "endpoint.failing",
    "usage.threshold", "usage.unreconciled", "invoice.unsent", "case.escalated", "break_glass.opened",
    "owner.readmitted", "audit.sealed", "ping",
]  # fmt: skip
KEPT_S = 30 * 86_400
"""How long events are kept, in seconds: the client's time to pull them."""

EVENT_TYPES: tuple[EventType, ...] = get_args(EventType)


@dataclass(frozen=True, slots=True)
class Announcement:
    """An event of one client, of the agency when it is None. `data` is JSON-ready; `endpoint_id` narrows it to one."""

    client_id: UUID | None
    type: EventType | AgencyEventType
    data: dict[str, Any]
    occurred_at: datetime
    item_id: UUID | None = None
    endpoint_id: UUID | None = None
    release_at: datetime | None = None
    """Tell nobody before; `withhold_decisions` may then still take back what tells of `decision_id`."""
    decision_id: UUID | None = None


async def announce(session: AsyncSession, agency_id: UUID, announcements: Sequence[Announcement]) -> list[UUID]:
    """Write events and their deliveries; the ids of the deliveries."""
    if not announcements:
        return []
    event_ids = [new_id() for _ in announcements]
    pairs = list(zip(announcements, event_ids, strict=True))
    await insert_rows(session, Event, [_to_row(*pair) for pair in pairs], shared={"agency_id": agency_id})
    releases = {announcement.release_at for announcement in announcements}
    for release_at in releases:
        await hint_work(session, agency_id, "feed", due_at=release_at)
    await hint_work(session, agency_id, "retention", in_s=KEPT_S, daily=True)
    endpoints = await _live_endpoints(session, agency_id, {announcement.client_id for announcement in announcements})
    deliveries: list[dict[str, Any]] = [
        {
            "id": new_id(),
            "client_id": announcement.client_id,
            "endpoint_id": endpoint.id,
            "event_id": event_id,
            "item_id": announcement.item_id,
            "due_at": announcement.release_at or announcement.occurred_at,
        }
        for announcement, event_id in pairs
        for endpoint in endpoints.get(announcement.client_id, [])
        if _wants(endpoint, announcement)
    ]
    if deliveries:
        await insert_rows(session, Delivery, deliveries, shared={"agency_id": agency_id})
        for release_at in releases:
            await hint_work(session, agency_id, "delivery", due_at=release_at)
    return [delivery["id"] for delivery in deliveries]


def _wants(endpoint: Endpoint, announcement: Announcement) -> bool:
    if announcement.endpoint_id is not None:
        return endpoint.id == announcement.endpoint_id
    return not endpoint.events or announcement.type in endpoint.events


def _to_row(announcement: Announcement, event_id: UUID) -> dict[str, Any]:
    return {
        "id": event_id,
        "client_id": announcement.client_id,
        "type": announcement.type,
        "body": _write_body(announcement),
        "item_id": announcement.item_id,
        "occurred_at": announcement.occurred_at,
        "release_at": announcement.release_at,
        "decision_id": announcement.decision_id,
    }


def _write_body(announcement: Announcement) -> str:
    envelope = {
        "type": announcement.type,
        "timestamp": to_rfc3339(announcement.occurred_at),
        "data": announcement.data,
    }
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":"))


async def _live_endpoints(
    session: AsyncSession, agency_id: UUID, client_ids: set[UUID | None]
) -> dict[UUID | None, list[Endpoint]]:
    endpoints: dict[UUID | None, list[Endpoint]] = {}
    theirs = Endpoint.client_id.in_(client_ids - {None})
    query = select(Endpoint).where(
        Endpoint.agency_id == agency_id,
        or_(theirs, Endpoint.client_id.is_(None)) if None in client_ids else theirs,
        Endpoint.disabled_at.is_(None),
    )
    for endpoint in await session.scalars(query):
        endpoints.setdefault(endpoint.client_id, []).append(endpoint)
    return endpoints
