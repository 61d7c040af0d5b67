"""The agency's day of now, by the database's clock."""

from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.metering.record import local_day
from veilleur.domain.tenancy.models import Agency


async def read_today(session: AsyncSession, agency_id: UUID) -> date:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    return local_day(present, (await session.get_one(Agency, agency_id)).time_zone)
