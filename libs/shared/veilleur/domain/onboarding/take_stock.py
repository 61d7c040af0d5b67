"""What there is of a client, gathered for the readiness checks."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.intake.models import Item
from veilleur.domain.onboarding.readiness import Setup
from veilleur.domain.outbox.models import Delivery, Endpoint, Event
from veilleur.domain.review.models import Queue
from veilleur.domain.review.needs import Abilities, QueueTerms
from veilleur.domain.rules.check import check_rule_set
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.screening.authoring import find_shared_lists, load_rule_catalogue
from veilleur.domain.sla.calendar import next_periods
from veilleur.domain.sla.terms import load_calendars
from veilleur.domain.tenancy.models import Client, Grant, Member, Source
from veilleur.kernel.errors import Invalid

DESK = frozenset({"owner", "lead", "moderator"})
"""The roles that decide cases."""


async def take_stock(session: AsyncSession, client: Client) -> Setup:
    """The client as it stands now."""
    catalogue = await load_catalogue(session, client.agency_id, client.id)
    document = await _load_rules(session, client)
    return Setup(
        client_id=client.id,
        languages=tuple(client.languages),
        sources=await _count(session, client, Source, Source.mode != "paused"),
        received=await _count(session, client, Item),
        rule_errors=await _count_errors(session, client, document),
        opens_at=await _find_opening(session, client),
        queues=await _load_queues(session, client, document),
        members=await _load_members(session, client),
        endpoints=await _count(session, client, Endpoint, Endpoint.disabled_at.is_(None)),
        pinged=await _count_pinged(session, client),
        actions={action.code: (action.verdict, action.undo) for action in catalogue.actions.values()},
        policies={policy.code: policy.clause for policy in catalogue.policies.values()},
    )


async def _count(session: AsyncSession, client: Client, table: Any, *conditions: Any) -> int:
    """Up to a thousand: more would only take longer."""
    mine = (table.agency_id == client.agency_id, table.client_id == client.id)
    some = select(table.id).where(*mine, *conditions).limit(1_000).subquery()
    return (await session.execute(select(func.count()).select_from(some))).scalar_one()


async def _load_rules(session: AsyncSession, client: Client) -> Mapping[str, Any] | None:
    query = select(RuleSetVersion.document).where(
        RuleSetVersion.agency_id == client.agency_id,
        RuleSetVersion.client_id == client.id,
        RuleSetVersion.state == "published",
    )
    return (await session.execute(query)).scalar_one_or_none()


async def _count_errors(session: AsyncSession, client: Client, document: Mapping[str, Any] | None) -> int | None:
    if document is None:
        return None
    catalogue = await load_rule_catalogue(session, client.agency_id, client.id)
    shared = await find_shared_lists(session, client.agency_id, client.id, document)
    return len((await asyncio.to_thread(check_rule_set, document, catalogue, shared)).errors)


async def _find_opening(session: AsyncSession, client: Client) -> datetime | None:
    calendars = await load_calendars(session, client.agency_id, [client.calendar_id])
    present = (await session.execute(select(func.app_now()))).scalar_one()
    try:
        periods = next_periods(calendars[client.calendar_id], present, 1)
    except Invalid:
        return None
    return periods[0][0] if periods else None


async def _load_queues(
    session: AsyncSession, client: Client, document: Mapping[str, Any] | None
) -> tuple[QueueTerms, ...]:
    """Where its cases go: its own queue, and those its rules name."""
    named = {
        rule["then"]["escalate"].get("queue")
        for rule in (document or {}).get("rules", ())
        if isinstance(rule.get("then"), dict) and isinstance(rule["then"].get("escalate"), dict)
    }
    query = select(Queue).where(
        Queue.agency_id == client.agency_id, (Queue.id == client.queue_id) | Queue.code.in_(named - {None})
    )
    return tuple(
        QueueTerms(queue.id, queue.code, frozenset(queue.skills), frozenset(queue.languages), queue.tier)
        for queue in await session.scalars(query.order_by(Queue.code))
    )


async def _load_members(session: AsyncSession, client: Client) -> tuple[Abilities, ...]:
    granted = select(Grant.member_id).where(Grant.agency_id == client.agency_id, Grant.client_id == client.id)
    query = select(Member).where(
        Member.agency_id == client.agency_id,
        Member.disabled_at.is_(None),
        Member.roles.overlap(list(DESK)),
        Member.serves_all | Member.id.in_(granted),
    )
    return tuple(
        Abilities(
            skills=frozenset(member.skills),
            languages=frozenset(tag.partition("-")[0].lower() for tag in member.languages),
            tier=member.tier,
            clients=None,
            supervises="lead" in member.roles,
        )
        for member in await session.scalars(query)
    )


async def _count_pinged(session: AsyncSession, client: Client) -> int:
    query = (
        select(func.count(func.distinct(Delivery.endpoint_id)))
        .join(Event, (Event.agency_id == Delivery.agency_id) & (Event.id == Delivery.event_id))
        .join(Endpoint, (Endpoint.agency_id == Delivery.agency_id) & (Endpoint.id == Delivery.endpoint_id))
        .where(
            Delivery.agency_id == client.agency_id,
            Delivery.client_id == client.id,
            Delivery.state == "delivered",
            Event.type == "ping",
            Endpoint.disabled_at.is_(None),
        )
    )
    return (await session.execute(query)).scalar_one()
