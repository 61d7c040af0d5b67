"""Contracts are signed, and end; what they say never changes."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import BillingPeriod, Contract, RatePlanVersion
from veilleur.domain.billing.parties import Party
from veilleur.domain.billing.tax import TaxTerms
from veilleur.domain.billing.terms import write_tax
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import Message, msg

Days = tuple[date, date | None]


@dataclass(frozen=True, slots=True)
class NewContract:
    """`days`: the first one, and the first one after it, if that is known."""

    rate_plan: RatePlanVersion
    days: Days
    buyer: Party
    tax: TaxTerms
    tax_reason: str | None = None
    payment_days: int = 30
    anchor_day: int | None = None
    purchase_order: str | None = None
    report_day: int | None = None


async def sign_contract(session: AsyncSession, client: Client, new: NewContract, member_id: UUID) -> Contract:
    """`Conflict` when another contract of the client holds on one of these days."""
    starts_on, ends_on = new.days
    _check_days(starts_on, ends_on)
    contract = Contract(
        agency_id=client.agency_id,
        id=new_id(),
        client_id=client.id,
        rate_plan_id=new.rate_plan.id,
        plan=new.rate_plan.document,
        starts_on=starts_on,
        ends_on=ends_on,
        anchor_day=new.anchor_day,
        time_zone=client.time_zone,
        buyer=new.buyer.model_dump(mode="json", exclude_none=True),
        tax=write_tax(new.tax, new.tax_reason),
        payment_days=new.payment_days,
        purchase_order=new.purchase_order,
        report_day=new.report_day,
        created_by=member_id,
    )
    try:
        async with session.begin_nested():
            session.add(contract)
            await session.flush()
    except IntegrityError:
        raise Conflict(
            msg("The client has a contract on some of these days already"), slug="contract-overlap"
        ) from None
    await session.refresh(contract)
    await _note(session, contract, member_id, "contract.signed", {"starts_on": starts_on.isoformat()})
    return contract


async def end_contract(
    session: AsyncSession, contract: Contract, ends_on: date, member_id: UUID, reason: str | None
) -> None:
    """End it earlier than agreed: `ends_on` is the first day it no longer holds; closed periods stay closed."""
    await session.refresh(contract, with_for_update=True)
    of_contract = BillingPeriod.agency_id == contract.agency_id, BillingPeriod.contract_id == contract.id
    closed = select(func.coalesce(func.max(BillingPeriod.ends_on), contract.starts_on))
    closed = closed.where(*of_contract, BillingPeriod.state == "closed")
    closed_until = (await session.execute(closed)).scalar_one()
    if contract.ends_on is not None and ends_on > contract.ends_on:
        raise _refuse_end(msg("the contract ends on {day} already", day=contract.ends_on))
    if ends_on < closed_until or ends_on <= contract.starts_on:
        raise _refuse_end(msg("must be later than {day}: what is before is closed", day=closed_until))
    contract.ends_on, contract.ended_by, contract.end_reason = ends_on, member_id, reason
    begun = BillingPeriod.starts_on < ends_on
    await session.execute(update(BillingPeriod).where(*of_contract, ~begun).values(state="void"))
    await session.execute(
        update(BillingPeriod).where(*of_contract, begun, BillingPeriod.ends_on > ends_on).values(ends_on=ends_on)
    )
    await session.flush()
    await _note(session, contract, member_id, "contract.ended", {"ends_on": ends_on.isoformat()})


def _check_days(starts_on: date, ends_on: date | None) -> None:
    if ends_on is not None and ends_on <= starts_on:
        raise _refuse_end(msg("must be later than `starts_on`: it is the first day the contract no longer holds"))


def _refuse_end(detail: Message) -> Invalid:
    return Invalid(msg("The contract can't be kept like this"), errors=[InputError("/ends_on", detail)])


async def _note(session: AsyncSession, contract: Contract, member_id: UUID, action: str, more: dict[str, Any]) -> None:
    deed = Deed(show_id("mem", member_id), action, show_id("ctr", contract.id), contract.client_id, more)
    await record_deeds(session, contract.agency_id, [deed])
