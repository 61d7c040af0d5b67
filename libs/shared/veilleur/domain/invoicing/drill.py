"""From a line of a bill to the records it was counted from."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, exists, false
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.plan import Component
from veilleur.domain.billing.terms import plan_of_contract
from veilleur.domain.invoicing.line_ids import LineId
from veilleur.domain.invoicing.usage import DISTINCT, RECEIVED
from veilleur.domain.metering.models import LateUsage, UsageRecord
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Behind:
    """Which records stand behind a line: of a client, of local days, and with these dimensions besides."""

    client_id: UUID
    first: date
    past: date
    conditions: tuple[ColumnElement[bool], ...]


async def find_behind(session: AsyncSession, agency_id: UUID, line: LineId) -> Behind:
    """The tiers of a component share its records; what is a matter of the whole bill has none. `NotFound` where the
    period is not there, or not the caller's.
    """
    billed = await session.get(BillingPeriod, (agency_id, line.period_id))
    counted = await session.get(BillingPeriod, (agency_id, line.late_for)) if line.late_for is not None else billed
    if billed is None or counted is None or counted.client_id != billed.client_id:
        raise NotFound(msg("There is no {id} here", id=show_id("prd", line.period_id)))
    contract = await session.get_one(Contract, (agency_id, counted.contract_id))
    named = [component for component in plan_of_contract(contract).components if component.code == line.component]
    conditions: list[ColumnElement[bool]] = [UsageRecord.billable.is_(True), _came(line, billed)]
    conditions += _match(named[0], line.part) if named and named[0].meter else [false()]
    return Behind(billed.client_id, counted.starts_on, counted.ends_on, tuple(conditions))


def _came(line: LineId, billed: BillingPeriod) -> ColumnElement[bool]:
    """In time, or late and billed with this period."""
    late = exists().where(LateUsage.agency_id == UsageRecord.agency_id, LateUsage.id == UsageRecord.id)
    if line.late_for is None:
        return ~late
    closed = billed.state == "closed"
    return late.where(LateUsage.billed_in_id == billed.id if closed else LateUsage.billed_in_id.is_(None))


def _match(component: Component, part: str) -> list[ColumnElement[bool]]:
    meter = component.meter or ""
    conditions: list[ColumnElement[bool]] = [UsageRecord.meter.in_([meter, RECEIVED] if meter in DISTINCT else [meter])]
    wanted: dict[str, Any] = dict(component.filters)
    if component.prices_by is not None and part:
        wanted[component.prices_by.dimension] = [part]
    conditions += [UsageRecord.dims[name].astext.in_(values) for name, values in wanted.items()]
    return conditions
