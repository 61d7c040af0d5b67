"""Promises kept and broken, counted as they are: at the answer, or the instant the deadline passed without one.

A promise that is not owed (beyond the agreed volume, the client was away) is counted without being billed, that is,
without weighing on the percentage kept. One that was kept and comes open again is taken back until it is kept anew.
"""

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from veilleur.domain.intake.models import Item
from veilleur.domain.metering.models import UsageRecord
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.domain.sla.announce import Noted
from veilleur.domain.sla.models import Clock, ClockEvent
from veilleur.domain.tenancy.models import Client
from veilleur.infra.db.among import is_among

METERS = {"met": "sla.met", "breached": "sla.breached"}


async def count_promises(session: AsyncSession, agency_id: UUID, noted: Sequence[Noted]) -> None:
    """In the transaction in which it was noted; what was counted already is not counted again."""
    reopened = {one.clock_id for one in noted if one.happening.details.get("after") == "stopped"}
    if reopened:
        await take_back(session, agency_id, reopened, "sla.met", "reopened")
    ended = {one.clock_id for one in noted if one.happening.type in METERS}
    if ended:
        await count_ended(session, agency_id, ended)


async def count_ended(session: AsyncSession, agency_id: UUID, clock_ids: Collection[UUID]) -> None:
    """Count what is noted of these clocks and not counted yet."""
    rows = await _list_uncounted(session, agency_id, clock_ids)
    await record_usage(session, agency_id, [_count(row) for row in rows])


async def take_back(
    session: AsyncSession, agency_id: UUID, clock_ids: Collection[UUID], meter: str, reason: str
) -> None:
    """Take back what was counted of these clocks on a meter."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    records = await _list_standing(session, agency_id, clock_ids, meter)
    facts = [
        Usage(
            client_id=record.client_id, time_zone=record.time_zone, meter=meter, occurred_at=present,
            quantity=-record.quantity, source_id=record.source_id, item_id=record.item_id, billable=record.billable,
            reason=reason, corrects_id=record.id, fact_id=record.fact_id, dims=record.dims,
        )
        for record in records
    ]  # fmt: skip
    await record_usage(session, agency_id, facts)


async def _list_uncounted(session: AsyncSession, agency_id: UUID, clock_ids: Collection[UUID]) -> Sequence[RowMapping]:
    counted = select(UsageRecord.id).where(
        UsageRecord.agency_id == ClockEvent.agency_id, UsageRecord.fact_id == ClockEvent.id
    )
    query = (
        select(
            ClockEvent.id, ClockEvent.type, ClockEvent.occurred_at, Clock.client_id, Clock.item_id, Clock.metric,
            Clock.target_class, Clock.excluded, Client.time_zone, Item.source_id,
        )
        .join(Clock, (Clock.agency_id == ClockEvent.agency_id) & (Clock.id == ClockEvent.clock_id))
        .join(Client, (Client.agency_id == Clock.agency_id) & (Client.id == Clock.client_id))
        .join(Item, (Item.agency_id == Clock.agency_id) & (Item.id == Clock.item_id))
        .where(
            ClockEvent.agency_id == agency_id,
            is_among(ClockEvent.clock_id, clock_ids),
            ClockEvent.type.in_(METERS),
            ~counted.exists(),
        )
        .order_by(ClockEvent.id)
    )  # fmt: skip
    return (await session.execute(query)).mappings().all()


async def _list_standing(
    session: AsyncSession, agency_id: UUID, clock_ids: Collection[UUID], meter: str
) -> list[UsageRecord]:
    other = aliased(UsageRecord)
    taken = select(other.id).where(other.agency_id == UsageRecord.agency_id, other.corrects_id == UsageRecord.id)
    query = (
        select(UsageRecord)
        .join(ClockEvent, (ClockEvent.agency_id == UsageRecord.agency_id) & (ClockEvent.id == UsageRecord.fact_id))
        .where(
            UsageRecord.agency_id == agency_id,
            is_among(ClockEvent.clock_id, clock_ids),
            UsageRecord.meter == meter,
            UsageRecord.corrects_id.is_(None),
            ~taken.exists(),
        )
    )
    return list(await session.scalars(query))


def _count(row: Any) -> Usage:
    return Usage(
        client_id=row["client_id"],
        time_zone=row["time_zone"],
        meter=METERS[row["type"]],
        occurred_at=row["occurred_at"],
        source_id=row["source_id"],
        item_id=row["item_id"],
        billable=row["excluded"] is None,
        reason=row["excluded"],
        fact_id=row["id"],
        dims={"sla_class": row["target_class"], "promise": row["metric"]},
    )
