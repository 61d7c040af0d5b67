"""The terms in force for clients: policy and calendar, loaded for many clients at once."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.calendar import add_open_seconds, parse_calendar
from veilleur.domain.sla.calendar_hours import Calendar
from veilleur.domain.sla.models import CalendarVersion, SlaPolicyVersion
from veilleur.domain.sla.policy import Target, choose_target
from veilleur.domain.tenancy.models import Client


@dataclass(frozen=True, slots=True)
class Terms:
    """What one client is promised, and by which opening hours."""

    policy_id: UUID
    policy: dict[str, Any]
    calendar_id: UUID
    calendar: Calendar

    def promise(self, *, priority: str, queue: str, received_at: datetime) -> tuple[Target, datetime]:
        """The target of a case and the instant it is due."""
        target = choose_target(self.policy, priority=priority, queue=queue)
        if not target.business:
            return target, received_at + timedelta(seconds=target.seconds)
        return target, add_open_seconds(self.calendar, received_at, target.seconds)


async def load_terms(session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> dict[UUID, Terms]:
    newest = (
        select(SlaPolicyVersion)
        .where(SlaPolicyVersion.agency_id == agency_id, SlaPolicyVersion.client_id.in_(client_ids))
        .order_by(SlaPolicyVersion.client_id, SlaPolicyVersion.version.desc())
        .ext(distinct_on(SlaPolicyVersion.client_id))
        .subquery()
    )
    rows = await session.execute(
        select(Client.id, newest.c.id.label("policy_id"), newest.c.document, CalendarVersion)
        .join(newest, newest.c.client_id == Client.id)
        .join(
            CalendarVersion,
            (CalendarVersion.agency_id == Client.agency_id) & (CalendarVersion.id == Client.calendar_id),
        )
        .where(Client.agency_id == agency_id, Client.id.in_(client_ids))
    )
    return {
        row.id: Terms(row.policy_id, row.document, row.CalendarVersion.id, parse_calendar(row.CalendarVersion.document))
        for row in rows
    }
