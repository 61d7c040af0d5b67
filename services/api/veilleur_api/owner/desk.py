"""The agency's calendars."""

import asyncio
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.sla.calendar import parse_calendar
from veilleur.domain.sla.calendar_preview import preview_calendar
from veilleur.domain.sla.models import CalendarVersion
from veilleur.kernel.ids import new_id, show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.documents import CalendarIn, CalendarPreviewIn
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "calendars")


@router.post("/calendars", status_code=201, **needs("calendars:write"))
async def create_calendar(new: CalendarIn, caller: Member, session: Tx) -> Response:
    """Keep opening hours. A calendar never changes: make another and point the client to it."""
    calendar = parse_calendar(new.calendar, "/calendar")
    row = CalendarVersion(agency_id=caller.agency_id, id=new_id(), name=new.name, document=calendar.to_document())
    session.add(row)
    await session.flush()
    await session.refresh(row)
    await record_deeds(session, caller.agency_id, [Deed(caller.name, "calendar.created", show_id("cal", row.id))])
    return JsonAnswer(_describe_calendar(row), 201)


@router.get("/calendars", **needs("clients:read"))
async def list_calendars(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """All calendars."""
    query = select(CalendarVersion).where(CalendarVersion.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, CalendarVersion, limit, after, _describe_calendar))


@router.post("/calendars/preview", **needs("clients:read"))
async def preview_calendar_operation(preview: CalendarPreviewIn) -> Response:
    """Try business-time arithmetic on a calendar: `add elapsed is_open next_periods clock_due clock_elapsed`."""
    return JsonAnswer({"result": await asyncio.to_thread(preview_calendar, preview.root)})


def _describe_calendar(row: CalendarVersion) -> dict[str, Any]:
    return {
        "id": show_id("cal", row.id),
        "name": row.name,
        "calendar": row.document,
        "created_at": row.created_at,
    }
