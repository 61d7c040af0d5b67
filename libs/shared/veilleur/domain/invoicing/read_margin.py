"""Margins from invoices or statements, the time it took, and what the time cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.billing.plan import RatePlan
from veilleur.domain.invoicing.documents.document import CREDIT_NOTE, read_document
from veilleur.domain.invoicing.invoice_models import ISSUED, CostRate, Invoice
from veilleur.domain.invoicing.margin import DECISIONS, CostFrom, Margin, Worked, cost_work
from veilleur.domain.invoicing.statement import write_statement
from veilleur.domain.metering.models import UsageRecord
from veilleur.kernel.money import NOTHING

TIME_METERS: dict[str, str] = {"review": "review.seconds", "shift": "moderator.shift_seconds"}
Basis = Literal["review", "shift"]


@dataclass(frozen=True, slots=True)
class PeriodMargin:
    period: BillingPeriod
    plan: RatePlan
    currency: str
    invoiced: bool
    margin: Margin
    mean_per_hour: Decimal | None


async def read_margin(session: AsyncSession, period: BillingPeriod, basis: Basis) -> PeriodMargin:
    """Revenue as invoiced less what was credited; as the statement says while nothing is issued."""
    statement = await write_statement(session, period.agency_id, period.client_id, period)
    issued = await _load_issued(session, period)
    revenue = _add_bases(issued) if issued else statement.total.subtotal
    worked = await _load_work(session, period, TIME_METERS[basis])
    members = [one.member_id for one in worked if one.member_id is not None]
    cost = cost_work(worked, await load_rates(session, period.agency_id, members))
    decisions, median = await _count_decisions(session, period)
    costed = cost.seconds - cost.uncosted_seconds
    return PeriodMargin(
        period, statement.plan, statement.total.currency, bool(issued), Margin(revenue, cost, decisions, median),
        cost.amount * 3600 / costed if costed else None,
    )  # fmt: skip


async def load_rates(session: AsyncSession, agency_id: UUID, members: Sequence[UUID]) -> dict[UUID, list[CostFrom]]:
    query = select(CostRate).where(CostRate.agency_id == agency_id, CostRate.member_id.in_(members))
    rates: dict[UUID, list[CostFrom]] = {}
    for row in await session.scalars(query):
        rates.setdefault(row.member_id, []).append(CostFrom(row.from_on, row.per_hour))
    return rates


async def _load_issued(session: AsyncSession, period: BillingPeriod) -> list[Invoice]:
    query = select(Invoice).where(
        Invoice.agency_id == period.agency_id, Invoice.period_id == period.id, Invoice.state.in_(ISSUED)
    )
    return list(await session.scalars(query))


def _add_bases(issued: Sequence[Invoice]) -> Decimal:
    total = NOTHING
    for invoice in issued:
        basis = read_document(invoice.document).totals.basis
        total += -basis if invoice.kind == CREDIT_NOTE else basis
    return total


async def _load_work(session: AsyncSession, period: BillingPeriod, meter: str) -> list[Worked]:
    """Time costs whether it is billed or not."""
    query = (
        select(UsageRecord.member_id, UsageRecord.local_date, func.sum(UsageRecord.quantity))
        .where(*_within(period), UsageRecord.meter == meter)
        .group_by(UsageRecord.member_id, UsageRecord.local_date)
    )
    return [Worked(*row) for row in await session.execute(query)]


async def _count_decisions(session: AsyncSession, period: BillingPeriod) -> tuple[Decimal, Decimal | None]:
    """Billable decisions of people, and the median seconds one took."""
    counted = select(func.coalesce(func.sum(UsageRecord.quantity), 0)).where(
        *_within(period), UsageRecord.meter == DECISIONS, UsageRecord.billable
    )
    median = select(func.percentile_disc(literal_column("0.5")).within_group(UsageRecord.quantity)).where(
        *_within(period), UsageRecord.meter == TIME_METERS["review"], UsageRecord.quantity > 0
    )
    decisions: Decimal = (await session.execute(counted)).scalar_one()
    return Decimal(decisions), (await session.execute(median)).scalar_one()


def _within(period: BillingPeriod) -> tuple[ColumnElement[bool], ...]:
    return (
        UsageRecord.agency_id == period.agency_id,
        UsageRecord.client_id == period.client_id,
        UsageRecord.local_date >= period.starts_on,
        UsageRecord.local_date < period.ends_on,
    )
