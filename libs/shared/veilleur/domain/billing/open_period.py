"""The row of a period, made when somebody first asks for it."""

from datetime import date

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.queries import find_period_row
from veilleur.domain.billing.schedule import find_by_month, period_at
from veilleur.domain.billing.terms import plan_of_contract, schedule_of_contract
from veilleur.kernel.ids import new_id


async def open_period(session: AsyncSession, contract: Contract, period: Period) -> BillingPeriod:
    """The row of one of the contract's periods, new or as it stands."""
    values = {
        "agency_id": contract.agency_id, "id": new_id(), "client_id": contract.client_id, "contract_id": contract.id,
        "starts_on": period.first, "ends_on": period.past,
    }  # fmt: skip
    await session.execute(insert(BillingPeriod).values(**values).on_conflict_do_nothing())
    row = await find_period_row(session, contract.agency_id, contract.id, period.first)
    if row is None:
        message = "a contract's periods follow from its schedule"
        raise AssertionError(message)
    return row


async def open_period_at(session: AsyncSession, contract: Contract, day: date) -> BillingPeriod | None:
    """The period a day is billed in; None outside the contract."""
    period = period_at(schedule_of_contract(contract, plan_of_contract(contract)), day)
    return await open_period(session, contract, period) if period is not None else None


def list_periods_of_month(contracts: list[Contract], month: date) -> list[tuple[Contract, Period]]:
    """What is billed under a month's name: a new contract in its midst makes them two."""
    found = []
    for contract in contracts:
        schedule = schedule_of_contract(contract, plan_of_contract(contract))
        found += [(contract, period) for period in find_by_month(schedule, month)]
    begun = [(contract, period) for contract, period in found if period.first >= month]
    return begun or found
