"""The last bill of a client that leaves: its period is closed, its invoice drafted, and numbered where that is wanted.

Each step stands by itself: what keeps an invoice from being made keeps nobody from leaving, and the period is closed
while its facts are still there.
"""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.schedule import list_periods
from veilleur.domain.billing.terms import plan_of_contract, schedule_of_contract
from veilleur.domain.invoicing.agreement import Agreement
from veilleur.domain.invoicing.close import Terms, close_period
from veilleur.domain.invoicing.draft_invoice import Wish, draft_period
from veilleur.domain.invoicing.finalise import finalise_invoice
from veilleur.domain.invoicing.invoice_models import Invoice
from veilleur.domain.invoicing.keep_profile import load_seller
from veilleur.domain.invoicing.month import Finding, tell_problem
from veilleur.kernel.errors import Problem


async def bill_last_period(
    session: AsyncSession, period: BillingPeriod, member_id: UUID, agreement: Agreement | None
) -> tuple[Finding, ...]:
    """What stood in the way, of the first step that could not be done. An invoice that there is already stays as it is.

    Nothing comes in any more: the period is closed on its last day. `agreement` is how its facts and records compare.
    """
    if await find_invoice_of(session, period) is not None:
        return ()
    if period.state == "open":
        terms = Terms(agreement, is_last=True)
        findings = await _attempt(session, period, lambda: close_period(session, period, member_id, terms))
        if findings:
            return findings
    findings = await _attempt(session, period, lambda: draft_period(session, period, Wish(member_id)))
    if findings:
        return findings
    return await _attempt(session, period, lambda: _finalise(session, period, member_id))


async def find_invoice_of(session: AsyncSession, period: BillingPeriod) -> Invoice | None:
    query = select(Invoice).where(
        Invoice.agency_id == period.agency_id, Invoice.period_id == period.id, Invoice.kind == "380"
    )
    return (await session.scalars(query)).one_or_none()


async def list_unbilled(session: AsyncSession, contract: Contract, before: BillingPeriod) -> list[Period]:
    """The contract's periods before that one for which there is no invoice, in order."""
    billed = select(BillingPeriod.starts_on).where(
        BillingPeriod.agency_id == contract.agency_id,
        BillingPeriod.contract_id == contract.id,
        BillingPeriod.id.in_(
            select(Invoice.period_id).where(Invoice.agency_id == contract.agency_id, Invoice.kind == "380")
        ),
    )
    known = set(await session.scalars(billed))
    schedule = schedule_of_contract(contract, plan_of_contract(contract))
    return [one for one in list_periods(schedule, before.starts_on) if one.first not in known]


async def _finalise(session: AsyncSession, period: BillingPeriod, member_id: UUID) -> None:
    invoice = await find_invoice_of(session, period)
    profile = (await load_seller(session, period.agency_id)).profile
    if invoice is not None and profile.final_invoice == "finalise":
        await finalise_invoice(session, invoice, member_id)


async def _attempt(
    session: AsyncSession, period: BillingPeriod, step: Callable[[], Awaitable[Any]]
) -> tuple[Finding, ...]:
    """Do it whole or not at all; what was wrong."""
    try:
        async with session.begin_nested():
            await step()
    except Problem as problem:
        await session.refresh(period)
        return tell_problem(problem)
    return ()
