"""The next number of a series: gapless, and in the order of time.

The series' row is locked until the end of the transaction, the clock is read behind the lock: who waits gets a later
number and a later time, and who rolls back gives the number back. A sequence of the database would leave gaps, and
`now()` is the time a transaction began, which may be before its predecessor's.
"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.invoicing.invoice_models import NumberSeries
from veilleur.domain.invoicing.profile import NumberFormat, SeriesKind, write_number
from veilleur.domain.metering.record import local_day
from veilleur.domain.tenancy.models import Agency
from veilleur.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Numbered:
    """A number with the instant and the agency's day it was taken."""

    number: str
    at: datetime
    day: date


async def take_number(session: AsyncSession, agency_id: UUID, kind: SeriesKind, shape: NumberFormat) -> Numbered:
    made = insert(NumberSeries).values(agency_id=agency_id, id=new_id(), name=kind, next=1)
    await session.execute(made.on_conflict_do_nothing())
    query = select(NumberSeries).where(NumberSeries.agency_id == agency_id, NumberSeries.name == kind)
    series = (await session.scalars(query.with_for_update().execution_options(populate_existing=True))).one()
    zone = (await session.get_one(Agency, agency_id)).time_zone
    present = await _read_clock(session)
    at = max(present, series.last_at) if series.last_at is not None else present
    day = local_day(at, zone)
    if "{year}" in shape.prefix and series.last_at is not None and local_day(series.last_at, zone).year < day.year:
        series.next = 1
    number = write_number(shape, day.year, series.next)
    series.next, series.last_at = series.next + 1, at
    await session.flush()
    return Numbered(number, at, day)


async def _read_clock(session: AsyncSession) -> datetime:
    """The clock of this very moment, as far from the database's own as `app_now()` is."""
    query = select(func.clock_timestamp() + (func.app_now() - func.now()))
    present: datetime = (await session.execute(query)).scalar_one()
    return present
