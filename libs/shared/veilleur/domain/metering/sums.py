"""Usage of a span of days by meter and dimensions, from the sums that are kept beside the records."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.metering.models import UsageSum


@dataclass(frozen=True, slots=True)
class Span:
    """Local days of a client, `first` inclusive and `past` exclusive."""

    agency_id: UUID
    client_id: UUID
    first: date
    past: date


@dataclass(frozen=True, slots=True)
class Summed:
    """So much with these dimensions, by so many records."""

    meter: str
    source_id: UUID | None
    dims: dict[str, Any]
    quantity: Decimal
    records: int


async def sum_span(session: AsyncSession, span: Span) -> list[Summed]:
    """What is billable of the span and came in time."""
    columns = UsageSum.meter, UsageSum.source_id, UsageSum.dims
    query = (
        select(*columns, func.sum(UsageSum.quantity), func.sum(UsageSum.records))
        .where(
            UsageSum.agency_id == span.agency_id,
            UsageSum.client_id == span.client_id,
            UsageSum.local_date >= span.first,
            UsageSum.local_date < span.past,
            UsageSum.billable,
            ~UsageSum.late,
        )
        .group_by(*columns)
    )
    return [Summed(*row) for row in await session.execute(query)]
