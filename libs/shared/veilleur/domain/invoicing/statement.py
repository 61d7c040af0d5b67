"""What a period costs so far, or did when it was closed: counted from the records, priced by the contract's plan.

The same rows give the same statement for ever: a closed period counts what was there when it was closed, whatever
came later is a late line of the period that was open then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.plan import RatePlan
from veilleur.domain.billing.pricing import Bill, Line, price_period
from veilleur.domain.billing.quantities import Usage
from veilleur.domain.billing.tax import charge_tax
from veilleur.domain.billing.terms import days_of_period, occasion_of_period, plan_of_contract, tax_of_contract
from veilleur.domain.billing.unpriced import Unpriced, find_unpriced
from veilleur.domain.invoicing.late import LateLine, subtract_bills
from veilleur.domain.invoicing.late_sums import sum_late, sum_late_before
from veilleur.domain.invoicing.line_ids import name_line
from veilleur.domain.invoicing.usage import take_out, to_usage
from veilleur.domain.metering.sums import Span, Summed, sum_span


@dataclass(frozen=True, slots=True)
class StatementLine:
    """A line under the name it keeps, with the days it is for."""

    id: str
    period: Period
    line: Line
    late: bool = False


@dataclass(frozen=True, slots=True)
class Statement:
    """`bill` is the period's own, without what came late for others; `total` is everything."""

    contract: Contract
    plan: RatePlan
    period: BillingPeriod
    usage: Usage
    bill: Bill
    late: tuple[LateLine, ...]
    total: Bill
    lines: tuple[StatementLine, ...]
    """The lines of `total`, in its order."""
    closed: bool

    @property
    def unpriced(self) -> tuple[Unpriced, ...]:
        """What somebody entered to be paid, and the plan has no price for."""
        return _only_by_hand(self.plan, self.usage)


async def write_statement(
    session: AsyncSession, agency_id: UUID, client_id: UUID, period: BillingPeriod, without: Sequence[Summed] = ()
) -> Statement:
    """`Invalid` names usage without a price. `without`: as if these had not been counted."""
    contract = await session.get_one(Contract, (agency_id, period.contract_id))
    plan = plan_of_contract(contract)
    days = days_of_period(period)
    summed = await sum_span(session, Span(agency_id, client_id, days.first, days.past))
    usage = to_usage(take_out(summed, without) if without else summed)
    bill = price_period(plan, usage, occasion_of_period(contract, plan, days), tax_of_contract(contract))
    late = await _price_late(session, period)
    total = _add_up(bill, late, contract)
    return Statement(
        contract, plan, period, usage, bill, late, total, _name_lines(period, bill, late), period.state == "closed"
    )


async def find_unpriced_work(session: AsyncSession, period: BillingPeriod) -> tuple[Unpriced, ...]:
    """What somebody entered in a period to be paid, and its plan has no price for."""
    contract = await session.get_one(Contract, (period.agency_id, period.contract_id))
    days = days_of_period(period)
    summed = await sum_span(session, Span(period.agency_id, period.client_id, days.first, days.past))
    return _only_by_hand(plan_of_contract(contract), to_usage(summed))


def _only_by_hand(plan: RatePlan, usage: Usage) -> tuple[Unpriced, ...]:
    return tuple(one for one in find_unpriced(plan, usage) if one.by_hand)


async def _price_late(session: AsyncSession, period: BillingPeriod) -> tuple[LateLine, ...]:
    """Each closed period that something came late for, in the order of their days."""
    found = await sum_late(session, period)
    closed = [await session.get_one(BillingPeriod, (period.agency_id, period_id)) for period_id in found]
    lines: list[LateLine] = []
    for row in sorted(closed, key=lambda row: row.starts_on):
        changed = await _reprice(session, row, found[row.id], before=period)
        lines += [LateLine(row.id, days_of_period(row), line) for line in changed]
    return tuple(lines)


async def _reprice(
    session: AsyncSession, closed: BillingPeriod, late: Sequence[Summed], before: BillingPeriod
) -> list[Line]:
    """The closed period with what came late, less the same with what was billed late before."""
    contract = await session.get_one(Contract, (closed.agency_id, closed.contract_id))
    plan, days = plan_of_contract(contract), days_of_period(closed)
    own = await sum_span(session, Span(closed.agency_id, closed.client_id, days.first, days.past))
    billed = [*own, *await sum_late_before(session, closed, before)]
    occasion, tax = occasion_of_period(contract, plan, days), tax_of_contract(contract)
    return subtract_bills(
        price_period(plan, to_usage([*billed, *late]), occasion, tax),
        price_period(plan, to_usage(billed), occasion, tax),
    )


def _add_up(bill: Bill, late: Sequence[LateLine], contract: Contract) -> Bill:
    lines = (*bill.lines, *(one.line for one in late))
    subtotal = bill.subtotal + sum((one.line.net for one in late), Decimal(0))
    tax = charge_tax(lines, bill.allowances, tax_of_contract(contract))
    total = subtotal + sum((row.amount for row in tax), Decimal(0))
    return Bill(bill.currency, lines, bill.allowances, subtotal, tuple(tax), total)


def _name_lines(period: BillingPeriod, bill: Bill, late: Sequence[LateLine]) -> tuple[StatementLine, ...]:
    days = days_of_period(period)
    own = [StatementLine(name_line(period.id, line), days, line) for line in bill.lines]
    later = [
        StatementLine(name_line(period.id, one.line, one.period_id), one.period, one.line, late=True) for one in late
    ]
    return (*own, *later)
