"""Opening hours: keeping them, their versions, their public holidays, and trying them out."""

import asyncio
from typing import Annotated, Any

from fastapi import Query, Request
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.sla.adopt import read_application
from veilleur.domain.sla.calendar import parse_calendar
from veilleur.domain.sla.calendar_document import read_calendar, require_open_time
from veilleur.domain.sla.calendar_hours import FIRST_YEAR, LAST_YEAR
from veilleur.domain.sla.calendar_preview import preview_calendar
from veilleur.domain.sla.keep_holidays import (
    compare_holidays,
    describe_holidays,
    list_known_days,
    load_holidays,
)
from veilleur.domain.sla.mistakes import Mistakes
from veilleur.domain.sla.models import CalendarVersion
from veilleur.domain.sla.replace_calendar import (
    NewCalendar,
    find_calendar,
    keep_calendar,
    replace_calendar,
)
from veilleur.kernel import clock
from veilleur.kernel.errors import Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.documents import CalendarChange, CalendarIn, CalendarPreviewIn
from veilleur_api.owner.work_answers import CalendarOut, CalendarResultOut, CalendarsOut
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "sla")

Year = Annotated[int, Query(ge=FIRST_YEAR, le=LAST_YEAR)]


@router.post("/calendars", status_code=201, responses={201: {"model": CalendarOut}}, **needs("calendars:write"))
async def create_calendar(new: CalendarIn, caller: Member, session: Tx) -> Response:
    """Keep opening hours. A calendar never changes: `PUT` makes its next version."""
    wanted = NewCalendar(new.name, parse_calendar(new.calendar, "/calendar"), caller.name)
    return JsonAnswer(_describe_calendar(await keep_calendar(session, caller.agency_id, wanted)), 201)


@router.get("/calendars", responses={200: {"model": CalendarsOut}}, **needs("clients:read"))
async def list_calendars(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """All calendars, every version of them."""
    query = select(CalendarVersion).where(CalendarVersion.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, CalendarVersion, limit, after, _describe_calendar))


@router.get("/calendars/{calendar_id}", responses={200: {"model": CalendarOut}}, **needs("clients:read"))
async def get_calendar(calendar_id: str, caller: Member, session: Tx) -> Response:
    """One version."""
    return JsonAnswer(_describe_calendar(await find_calendar(session, caller.agency_id, calendar_id)))


@router.put("/calendars/{calendar_id}", responses={200: {"model": CalendarOut}}, **needs("calendars:write"))
async def change_calendar(calendar_id: str, new: CalendarChange, caller: Member, session: Tx) -> Response:
    """Make the next version, kept from now on by the clients that kept this one; open clocks only where asked."""
    before = await find_calendar(session, caller.agency_id, calendar_id)
    mistakes = Mistakes()
    application = read_application(new.apply_to, new.open_since, mistakes)
    calendar = read_calendar(new.calendar, "/calendar", mistakes)
    if calendar is None or mistakes.found:
        raise Invalid(msg("The calendar has mistakes"), errors=mistakes.found)
    require_open_time(calendar, "/calendar")
    wanted = NewCalendar(new.name, calendar, caller.name, new.renew_holidays)
    return JsonAnswer(
        _describe_calendar(await replace_calendar(session, caller.agency_id, before, wanted, application))
    )


@router.get("/calendars/{calendar_id}/holidays", **needs("clients:read"))
async def list_calendar_holidays(
    calendar_id: str, caller: Member, session: Tx, request: Request, year: Year | None = None
) -> Response:
    """The public holidays of its country in a year as they were copied, each with its source and whether it closes.

    This year's unless said otherwise. `holidays_off` of the calendar switches a day off, `holidays` adds one. `library`
    says what the installed library would have otherwise: nothing changes before `renew_holidays` of a change.
    """
    row = await find_calendar(session, caller.agency_id, calendar_id)
    language = choose_language(request.headers.get("accept-language"))
    wanted = year or clock.now().year
    copied = await load_holidays(session, row, wanted)
    known = await asyncio.to_thread(list_known_days, parse_calendar(row.document), [wanted])
    return JsonAnswer(
        {"data": describe_holidays(copied, language), "library": compare_holidays(copied, known, language)}
    )


@router.post("/calendars/preview", responses={200: {"model": CalendarResultOut}}, **needs("clients:read"))
async def preview_calendar_operation(preview: CalendarPreviewIn) -> Response:
    """Try business-time arithmetic on a calendar: `add elapsed is_open next_periods clock_due clock_elapsed`."""
    return JsonAnswer({"result": await asyncio.to_thread(preview_calendar, preview.root)})


def _describe_calendar(row: CalendarVersion) -> dict[str, Any]:
    return {
        "id": show_id("cal", row.id),
        "name": row.name,
        "version": row.version,
        "replaces": show_id("cal", row.replaces_id) if row.replaces_id else None,
        "calendar": row.document,
        "created_at": row.created_at,
    }
