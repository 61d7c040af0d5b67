"""Keeping calendars: a change is a next version, and the clients that kept the one before it keep the new one."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.sla.adopt import Application, apply_terms
from veilleur.domain.sla.calendar_hours import Calendar
from veilleur.domain.sla.keep_holidays import keep_holidays
from veilleur.domain.sla.models import CalendarVersion
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class NewCalendar:
    name: str
    calendar: Calendar
    actor: str
    renews_holidays: bool = False
    """Take the public holidays from the library anew, not from the version before."""


async def find_calendar(session: AsyncSession, agency_id: UUID, shown: str) -> CalendarVersion:
    row = await session.get(CalendarVersion, (agency_id, read_id("cal", shown)))
    if row is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return row


async def keep_calendar(
    session: AsyncSession, agency_id: UUID, new: NewCalendar, before: CalendarVersion | None = None
) -> CalendarVersion:
    """Keep opening hours, as the next version of `before` where it is given; `Conflict` when that has one already."""
    row = CalendarVersion(
        agency_id=agency_id,
        id=new_id(),
        name=new.name,
        document=new.calendar.to_document(),
        version=before.version + 1 if before else 1,
        replaces_id=before.id if before else None,
    )
    try:
        async with session.begin_nested():
            session.add(row)
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("This calendar has a newer version; change that one"), slug="calendar-replaced") from None
    await session.refresh(row)
    await keep_holidays(session, row, new.calendar, None if new.renews_holidays else before)
    await record_deeds(session, agency_id, [Deed(new.actor, "calendar.created", show_id("cal", row.id))])
    return row


async def replace_calendar(
    session: AsyncSession, agency_id: UUID, before: CalendarVersion, new: NewCalendar, application: Application
) -> CalendarVersion:
    """The next version of a calendar, kept from now on by every client that kept the one before."""
    row = await keep_calendar(session, agency_id, new, before)
    mine = (Client.agency_id == agency_id, Client.calendar_id == before.id)
    # In the order of their ids: two changes that concern the same clients wait for each other, never in a circle.
    clients = (await session.scalars(select(Client.id).where(*mine).order_by(Client.id).with_for_update())).all()
    moved = {"calendar_id": row.id, "version": Client.version + 1}
    await session.execute(update(Client).where(Client.agency_id == agency_id, Client.id.in_(clients)).values(moved))
    for client_id in clients:
        await apply_terms(session, agency_id, client_id, "calendar", new.actor, application)
    return row
