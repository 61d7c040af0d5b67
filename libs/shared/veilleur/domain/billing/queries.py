"""Reading rate plans, contracts and periods."""

from datetime import date
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract, RatePlanVersion


async def find_rate_plan(session: AsyncSession, agency_id: UUID, code: str, version: int) -> RatePlanVersion | None:
    query = select(RatePlanVersion).where(
        RatePlanVersion.agency_id == agency_id, RatePlanVersion.code == code, RatePlanVersion.version == version
    )
    return (await session.scalars(query)).one_or_none()


async def load_contracts(session: AsyncSession, agency_id: UUID, client_id: UUID) -> list[Contract]:
    """All contracts of a client, in the order of their days."""
    query = select(Contract).where(Contract.agency_id == agency_id, Contract.client_id == client_id)
    return list(await session.scalars(query.order_by(Contract.starts_on)))


async def find_contract_at(session: AsyncSession, agency_id: UUID, client_id: UUID, day: date) -> Contract | None:
    """The contract that holds on a day: there is at most one."""
    query = select(Contract).where(
        Contract.agency_id == agency_id,
        Contract.client_id == client_id,
        Contract.starts_on <= day,
        (Contract.ends_on.is_(None)) | (Contract.ends_on > day),
    )
    return (await session.scalars(query)).one_or_none()


async def find_period_row(
    session: AsyncSession, agency_id: UUID, contract_id: UUID, starts_on: date
) -> BillingPeriod | None:
    query = select(BillingPeriod).where(
        BillingPeriod.agency_id == agency_id,
        BillingPeriod.contract_id == contract_id,
        BillingPeriod.starts_on == starts_on,
    )
    return (await session.scalars(query)).one_or_none()
