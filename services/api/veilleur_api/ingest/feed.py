"""The event feed: every callback body in order, for those who would rather pull."""

import asyncio
import json
import time
from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from veilleur.domain.outbox.announce import EVENT_TYPES
from veilleur.domain.outbox.feed import FeedPage, read_feed
from veilleur.domain.outbox.models import Event
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import read_cursor, write_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Client, Limit, PartsOf
from veilleur_api.guard import guarded_router, needs
from veilleur_api.ingest.documents import FeedOut
from veilleur_api.principals import authorise_client
from veilleur_api.waits import OF_A_FEED

router = guarded_router("/ingest/v1", authorise_client, "events")

POLL_S = 0.25
MAX_PLACE = 2**63 - 1


@router.get("/events", responses={200: {"model": FeedOut}}, **needs("items:read"))
async def list_events(  # noqa: PLR0917 - query parameters
    caller: Client,
    parts: PartsOf,
    request: Request,
    types: Annotated[str | None, Query(max_length=500, description="only these, comma-separated")] = None,
    wait: Annotated[int, Query(ge=0, le=30, description="seconds to wait for the first event")] = 0,
    limit: Limit = 100,
    after: After = None,
) -> Response:
    """Events after a cursor, kept 30 days. `next` is always a cursor to come back with.

    Of many calls that wait at the same time, those beyond eight are answered at once.
    """
    wanted, place = _read_types(types), _read_place(after)
    with parts.waits.hold(caller.client_id, wait, OF_A_FEED) as wait_s:
        until = time.monotonic() + wait_s
        while True:
            async with parts.intake_database.transaction(caller.scope) as session:
                page: FeedPage = await read_feed(
                    session, caller.agency_id, caller.client_id, after=place, types=wanted, limit=limit
                )
            if page.events or time.monotonic() >= until or await request.is_disconnected():
                shown = [_describe(event) for event in page.events]
                return JsonAnswer({"data": shown, "next": write_cursor([str(page.position)])})
            await asyncio.sleep(POLL_S)


def _describe(event: Event) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(event.body or "{}")
    return {"id": show_id("evt", event.id), **body}


def _read_types(types: str | None) -> list[str] | None:
    wanted = [one.strip() for one in (types or "").split(",") if one.strip()]
    unknown = [one for one in wanted if one not in EVENT_TYPES]
    if unknown:
        hint = msg("allowed: {codes}", codes=EVENT_TYPES)
        raise Invalid(
            msg("The feed can't be read like this"), errors=[InputError("/types", msg("not an event type"), hint)]
        )
    return wanted or None


def _read_place(after: str | None) -> int:
    if after is None:
        return 0
    place = read_cursor(after, parts=1)[0]
    return min(int(place), MAX_PLACE) if place.isdecimal() and len(place) < 20 else 0
