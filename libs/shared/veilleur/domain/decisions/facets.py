"""What a decision is told apart by on the bill, frozen with it."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.models import Decision
from veilleur.domain.intake.models import Item
from veilleur.domain.sla.calendar import is_open
from veilleur.domain.sla.models import Clock
from veilleur.domain.sla.terms import load_calendars
from veilleur.domain.tenancy.models import Client, Member, Source


@dataclass(frozen=True, slots=True)
class Facets:
    """What many decisions have in common, by id."""

    networks: Mapping[UUID, str]
    grades: Mapping[UUID, str | None]
    classes: Mapping[UUID, str]
    open_now: Mapping[UUID, bool]

    def describe(self, item: Item, decision: Decision) -> dict[str, Any]:
        """The dimensions of a decision's records; what is not known is not said."""
        dims = {
            "network": self.networks.get(decision.source_id),
            "kind": item.kind,
            "language": item.language,
            "channel": ((item.body or {}).get("context") or {}).get("channel"),
            "verdict": decision.verdict,
            "rule_set_version": decision.rule_set_version,
        }
        if decision.member_id is not None:
            dims |= {
                "grade": self.grades.get(decision.member_id),
                "sla_class": self.classes.get(decision.item_id),
                "in_hours": self.open_now.get(decision.client_id),
            }
        return {name: value for name, value in dims.items() if value is not None}


async def load_facets(
    session: AsyncSession, agency_id: UUID, decisions: Sequence[Decision], present: datetime
) -> Facets:
    """Rules' decisions have networks alone; people's a grade, a class of promise, and hours as well."""
    query = select(Source.id, Source.kind).where(
        Source.agency_id == agency_id, Source.id.in_({decision.source_id for decision in decisions})
    )
    networks = {row.id: row.kind for row in await session.execute(query)}
    human = [decision for decision in decisions if decision.member_id is not None]
    if not human:
        return Facets(networks, {}, {}, {})
    return Facets(
        networks,
        await _load_grades(session, agency_id, {one.member_id for one in human if one.member_id is not None}),
        await _load_classes(session, agency_id, {one.item_id for one in human}),
        await _load_hours(session, agency_id, {one.client_id for one in human}, present),
    )


async def _load_grades(session: AsyncSession, agency_id: UUID, ids: Collection[UUID]) -> dict[UUID, str | None]:
    query = select(Member.id, Member.grade).where(Member.agency_id == agency_id, Member.id.in_(ids))
    return {row.id: row.grade for row in await session.execute(query)}


async def _load_classes(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> dict[UUID, str]:
    """Of the newest promise to decide."""
    query = select(Clock.item_id, Clock.target_class).where(
        Clock.agency_id == agency_id, Clock.item_id.in_(item_ids), Clock.metric == "decision"
    )
    return {row.item_id: row.target_class for row in await session.execute(query.order_by(Clock.cycle))}


async def _load_hours(
    session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID], present: datetime
) -> dict[UUID, bool]:
    query = select(Client.id, Client.calendar_id).where(Client.agency_id == agency_id, Client.id.in_(client_ids))
    homes = {row.id: row.calendar_id for row in await session.execute(query)}
    calendars = await load_calendars(session, agency_id, set(homes.values()))
    return {client_id: is_open(calendars[calendar_id], present) for client_id, calendar_id in homes.items()}
