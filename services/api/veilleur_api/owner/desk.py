"""The agency's queues and calendars."""

import asyncio
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.models import Queue
from veilleur.domain.sla.calendar import parse_calendar
from veilleur.domain.sla.calendar_preview import preview_calendar
from veilleur.domain.sla.models import CalendarVersion
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.documents import CalendarIn, CalendarPreviewIn, QueueIn
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "desk")


@router.post("/queues", status_code=201, **needs("queues:write"))
async def create_queue(new: QueueIn, caller: Member, session: Tx) -> Response:
    """Add a queue; rules and moderators name it by its code."""
    queue = Queue(agency_id=caller.agency_id, id=new_id(), code=new.code, name=new.name, lease_s=new.lease_s)
    try:
        async with session.begin_nested():
            session.add(queue)
            await session.flush()
    except IntegrityError:
        raise Conflict(msg("The code {code} is taken", code=new.code), slug="code-taken") from None
    await record_deeds(session, caller.agency_id, [Deed(caller.name, "queue.created", show_id("que", queue.id))])
    return JsonAnswer(_describe_queue(queue), 201)


@router.get("/queues", **needs("clients:read"))
async def list_queues(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """All queues."""
    query = select(Queue).where(Queue.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, Queue, limit, after, _describe_queue))


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


def _describe_queue(queue: Queue) -> dict[str, Any]:
    return {"id": show_id("que", queue.id), "code": queue.code, "name": queue.name, "lease_s": queue.lease_s}


def _describe_calendar(row: CalendarVersion) -> dict[str, Any]:
    return {
        "id": show_id("cal", row.id),
        "name": row.name,
        "calendar": row.document,
        "created_at": row.created_at,
    }
