"""What a client owes when it leaves: its contract ends with the service, and its last period is billed in proportion.

Two steps, each a commit: the contract ends and says which period is the last one; then that period is closed and
billed, and the term begins. Killed in between, the second step finds what the first has written.
"""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.open_period import open_period_at
from veilleur.domain.billing.queries import find_contract_at
from veilleur.domain.billing.sign import end_contract
from veilleur.domain.custody.models import Offboarding
from veilleur.domain.custody.offboard import begin_term
from veilleur.domain.invoicing.agreement import Agreement, Stretch
from veilleur.domain.invoicing.bill_last import bill_last_period, find_invoice_of
from veilleur.domain.invoicing.month import name_problems
from veilleur.domain.invoicing.reconcile import find_stretch
from veilleur.domain.metering.models import UsageSum
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Invalid
from veilleur.kernel.ids import parse_id, show_id
from veilleur.kernel.messages import msg

Bill = dict[str, Any]
"""`{"period": "prd_…" or None, "day": the last one of service, "findings": [what kept it from being billed]}`."""


async def end_service(session: AsyncSession, row: Offboarding) -> None:
    """End the contract of the last day of service after that day: its last period is cut there."""
    client = await session.get_one(Client, (row.agency_id, row.client_id))
    day = await _find_last_day(session, row, client)
    contract = await find_contract_at(session, row.agency_id, row.client_id, day)
    if contract is None:
        lacking = name_problems([msg("No contract held on {day}, the last day of service", day=day)], "no-contract")
        row.progress = row.progress | {"contract": None}
        row.bill = _write(None, day) | {"findings": [one.dump() for one in lacking]}
        await session.flush()
        return
    try:
        async with session.begin_nested():
            await end_contract(session, contract, day + timedelta(days=1), _find_member(row, contract), "offboarding")
    except Invalid:  # what is closed stays closed
        await session.refresh(contract)
    period = await open_period_at(session, contract, day)
    ends_on = None if contract.ends_on is None else contract.ends_on.isoformat()
    row.progress = row.progress | {"contract": {"ends_on": ends_on}}
    row.bill = _write(period, day)
    await session.flush()


async def find_last_stretch(session: AsyncSession, agency_id: UUID, offboarding_id: UUID) -> Stretch | None:
    """The days whose facts and records are to be compared before they are billed; None when they need not be."""
    row = await session.get_one(Offboarding, (agency_id, offboarding_id))
    period = await find_last_period(session, row)
    return await find_stretch(session, period) if period is not None and period.state == "open" else None


async def settle_bill(
    session: AsyncSession, agency_id: UUID, offboarding_id: UUID, agreement: Agreement | None
) -> None:
    """Bill the last period, and let the term begin, whatever came of it."""
    query = select(Offboarding).where(Offboarding.agency_id == agency_id, Offboarding.id == offboarding_id)
    row = (await session.scalars(query.with_for_update())).one()
    if row.state != "closing" or row.bill is None:
        return
    period = await find_last_period(session, row)
    if period is not None:
        contract = await session.get_one(Contract, (agency_id, period.contract_id))
        findings = await bill_last_period(session, period, _find_member(row, contract), agreement)
        row.bill = row.bill | {"findings": [one.dump() for one in findings]}
        invoice = await find_invoice_of(session, period)
        details = {"invoice": show_id("inv", invoice.id) if invoice is not None else None}
        deed = Deed("system", "offboarding.billed", show_id("ofb", row.id), row.client_id, details)
        await record_deeds(session, agency_id, [deed])
    await begin_term(session, row)


async def find_last_period(session: AsyncSession, row: Offboarding) -> BillingPeriod | None:
    shown = (row.bill or {}).get("period")
    period_id = parse_id("prd", shown) if shown else None
    return await session.get_one(BillingPeriod, (row.agency_id, period_id)) if period_id is not None else None


def last_day_of_service(starts_at: datetime, time_zone: str, last_used: date | None) -> date:
    """The day before doors shut at midnight, the day itself when they shut later; and any on which work was done."""
    shut = (starts_at - timedelta(microseconds=1)).astimezone(ZoneInfo(time_zone)).date()
    return max(shut, last_used or shut)


async def _find_last_day(session: AsyncSession, row: Offboarding, client: Client) -> date:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    today = present.astimezone(ZoneInfo(client.time_zone)).date()
    used = select(func.max(UsageSum.local_date)).where(
        UsageSum.agency_id == row.agency_id,
        UsageSum.client_id == row.client_id,
        UsageSum.local_date >= row.starts_at.date(),
        UsageSum.local_date <= today,
    )
    return last_day_of_service(row.starts_at, client.time_zone, (await session.execute(used)).scalar_one())


def _find_member(row: Offboarding, contract: Contract) -> UUID:
    """Who asked for it; the operator is no member."""
    return parse_id("mem", row.requested_by) or contract.created_by


def _write(period: BillingPeriod | None, day: date) -> Bill:
    shown = show_id("prd", period.id) if period is not None else None
    return {"period": shown, "day": day.isoformat(), "findings": []}
