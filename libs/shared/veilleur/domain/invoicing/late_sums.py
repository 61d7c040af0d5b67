"""Sums of what came after its period was closed."""

from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.metering.models import LateUsage, UsageRecord
from veilleur.domain.metering.sums import Summed

_COLUMNS = UsageRecord.meter, UsageRecord.source_id, UsageRecord.dims


async def sum_late(session: AsyncSession, period: BillingPeriod) -> dict[UUID, list[Summed]]:
    """Billable usage that is billed late in `period`, by the closed period it belongs to.

    While `period` is open that is all that is not billed yet.
    """
    billed_in = LateUsage.billed_in_id
    query = (
        _sum_late(LateUsage.period_id)
        .where(LateUsage.agency_id == period.agency_id, LateUsage.client_id == period.client_id)
        .where(billed_in == period.id if period.state == "closed" else billed_in.is_(None))
        .group_by(LateUsage.period_id, *_COLUMNS)
    )
    found: dict[UUID, list[Summed]] = {}
    for period_id, *rest in await session.execute(query):
        found.setdefault(period_id, []).append(Summed(*rest))
    return found


async def sum_late_before(session: AsyncSession, closed: BillingPeriod, before: BillingPeriod) -> list[Summed]:
    """Billable usage of `closed` that was billed late before the period `before` was closed."""
    query = (
        _sum_late()
        .join(
            BillingPeriod,
            (BillingPeriod.agency_id == LateUsage.agency_id) & (BillingPeriod.id == LateUsage.billed_in_id),
        )
        .where(LateUsage.agency_id == closed.agency_id, LateUsage.period_id == closed.id)
        .group_by(*_COLUMNS)
    )
    if before.close_number is not None:
        query = query.where(BillingPeriod.close_number < before.close_number)
    return [Summed(*row) for row in await session.execute(query)]


def _sum_late(*columns: Any) -> Select[Any]:
    return (
        select(*columns, *_COLUMNS, func.sum(UsageRecord.quantity), func.count())
        .select_from(LateUsage)
        .join(UsageRecord, (UsageRecord.agency_id == LateUsage.agency_id) & (UsageRecord.id == LateUsage.id))
        .where(UsageRecord.billable)
    )
