"""The terms in force for clients, and those that clocks began with: policy and calendar, loaded for many at once."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.calendar_hours import Calendar
from veilleur.domain.sla.countdown import advance
from veilleur.domain.sla.keep_holidays import closed_days, restore_calendar
from veilleur.domain.sla.models import CalendarVersion, ClockEvent, SlaPolicyVersion
from veilleur.domain.sla.policy import CaseFacts, choose_rule, read_target
from veilleur.domain.tenancy.models import Client


@dataclass(frozen=True, slots=True)
class Terms:
    """What one client is promised, and by which opening hours."""

    policy_id: UUID
    policy: dict[str, Any]
    calendar_id: UUID
    calendar: Calendar
    time_zone: str = "UTC"
    """The client's: volumes are counted by its days."""


def estimate_due(terms: Terms, facts: CaseFacts, asked_at: datetime) -> datetime:
    """When a decision would be due if a clock had started when the question was asked."""
    rule = choose_rule(terms.policy, facts)
    target = read_target(rule["class"], rule["decision"])
    return advance(target, terms.calendar, asked_at, target.seconds)


async def load_terms(session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> dict[UUID, Terms]:
    """The terms in force, by client."""
    newest = (
        select(SlaPolicyVersion)
        .where(SlaPolicyVersion.agency_id == agency_id, SlaPolicyVersion.client_id.in_(client_ids))
        .order_by(SlaPolicyVersion.client_id, SlaPolicyVersion.version.desc())
        .ext(distinct_on(SlaPolicyVersion.client_id))
        .subquery()
    )
    rows = await session.execute(
        select(
            Client.id,
            Client.time_zone,
            newest.c.id.label("policy_id"),
            newest.c.document,
            CalendarVersion,
            closed_days().label("closed"),
        )
        .join(newest, newest.c.client_id == Client.id)
        .join(
            CalendarVersion,
            (CalendarVersion.agency_id == Client.agency_id) & (CalendarVersion.id == Client.calendar_id),
        )
        .where(Client.agency_id == agency_id, Client.id.in_(client_ids))
    )
    return {
        row.id: Terms(
            policy_id=row.policy_id,
            policy=row.document,
            calendar_id=row.CalendarVersion.id,
            calendar=restore_calendar(row.CalendarVersion.document, row.closed),
            time_zone=row.time_zone,
        )
        for row in rows
    }


async def load_calendars(
    session: AsyncSession, agency_id: UUID, calendar_ids: Collection[UUID]
) -> dict[UUID, Calendar]:
    if not calendar_ids:
        return {}
    query = select(CalendarVersion.id, CalendarVersion.document, closed_days().label("closed")).where(
        CalendarVersion.agency_id == agency_id, CalendarVersion.id.in_(calendar_ids)
    )
    return {row.id: restore_calendar(row.document, row.closed) for row in await session.execute(query)}


async def load_pinned_terms(
    session: AsyncSession, agency_id: UUID, clocks: Sequence[RowMapping], calendars: Mapping[UUID, Calendar]
) -> dict[tuple[UUID, UUID], Terms]:
    """The terms that clocks count by, by policy and calendar."""
    pins = {(clock["policy_id"], clock["calendar_id"]) for clock in clocks}
    query = select(SlaPolicyVersion.id, SlaPolicyVersion.document).where(
        SlaPolicyVersion.agency_id == agency_id, SlaPolicyVersion.id.in_({policy_id for policy_id, _ in pins})
    )
    policies = {row.id: row.document for row in await session.execute(query)}
    return {
        (policy_id, calendar_id): Terms(policy_id, policies[policy_id], calendar_id, calendars[calendar_id])
        for policy_id, calendar_id in pins
    }


async def load_told(session: AsyncSession, agency_id: UUID, clock_ids: Collection[UUID]) -> dict[UUID, set[str]]:
    """The thresholds that clocks have warned of already."""
    query = select(ClockEvent.clock_id, ClockEvent.threshold).where(
        ClockEvent.agency_id == agency_id, ClockEvent.clock_id.in_(clock_ids), ClockEvent.type == "warning"
    )
    told: dict[UUID, set[str]] = {}
    for row in await session.execute(query):
        told.setdefault(row.clock_id, set()).add(row.threshold)
    return told
