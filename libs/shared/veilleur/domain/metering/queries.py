"""Reading usage: sums by any of the group keys, and the records behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.metering.models import UsageRecord

GroupKey = Literal["meter", "client", "source", "day", "member"]
Billable = Literal["yes", "no", "all"]

GROUP_COLUMNS: dict[GroupKey, Any] = {
    "meter": UsageRecord.meter,
    "client": UsageRecord.client_id,
    "source": UsageRecord.source_id,
    "day": UsageRecord.local_date,
    "member": UsageRecord.member_id,
}


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Local days, `first` inclusive and `past` exclusive."""

    agency_id: UUID
    first: date
    past: date
    client_id: UUID | None = None
    billable: Billable = "yes"
    meter: str | None = None
    conditions: tuple[ColumnElement[bool], ...] = ()
    """Besides."""


async def sum_usage(session: AsyncSession, wanted: UsageFilter, group_by: Sequence[GroupKey]) -> list[dict[str, Any]]:
    """One row a group, ordered by the group keys; quantities are exact decimals."""
    columns = [GROUP_COLUMNS[key].label(key) for key in group_by]
    query = _narrow(select(*columns, func.sum(UsageRecord.quantity).label("quantity")), wanted)
    rows = await session.execute(query.group_by(*columns).order_by(*columns))
    return [dict(row) for row in rows.mappings()]


async def list_usage(
    session: AsyncSession, wanted: UsageFilter, *, limit: int, after: tuple[date, UUID] | None
) -> list[UsageRecord]:
    """Records in the order of their days, then ids; `after` is the day and id of the last one seen."""
    query = _narrow(select(UsageRecord), wanted)
    if after is not None:
        key = tuple_(UsageRecord.local_date, UsageRecord.id)
        query = query.where(key > after)
    query = query.order_by(UsageRecord.local_date, UsageRecord.id).limit(limit)
    return list(await session.scalars(query))


def _narrow(query: Select[Any], wanted: UsageFilter) -> Select[Any]:
    conditions: list[ColumnElement[bool]] = [
        UsageRecord.agency_id == wanted.agency_id,
        UsageRecord.local_date >= wanted.first,
        UsageRecord.local_date < wanted.past,
    ]
    if wanted.client_id is not None:
        conditions.append(UsageRecord.client_id == wanted.client_id)
    if wanted.meter is not None:
        conditions.append(UsageRecord.meter == wanted.meter)
    if wanted.billable != "all":
        conditions.append(UsageRecord.billable.is_(wanted.billable == "yes"))
    return query.where(*conditions, *wanted.conditions)
