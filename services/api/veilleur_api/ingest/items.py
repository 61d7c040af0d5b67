"""Bulk intake with a key, and looking items up again."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Header, Query, Request
from starlette.responses import Response

from veilleur.domain.custody.subject import pseudonym
from veilleur.domain.intake.arrival import Arrival, refuse_paused
from veilleur.domain.intake.envelope import InboundEvent, read_bulk_event
from veilleur.domain.screening.history import describe_item, find_item
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.infra.db.session import Scope
from veilleur.infra.tracing import TRACEPARENT, find_traceparent
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import parse_id, read_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Client, PartsOf, Tx
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.ingest.documents import RECEIPTS, BulkIn, DecidedOut, ItemOut
from veilleur_api.ingest.waiting import await_decisions, read_wait
from veilleur_api.ingest.webhooks import answer_receipts, describe_receipt
from veilleur_api.parts import Parts
from veilleur_api.principals import ClientCaller, authorise_client
from veilleur_api.waits import OF_DECISIONS

router = guarded_router("/ingest/v1", authorise_client, "items")


@router.post(
    "/items",
    status_code=202,
    responses=RECEIPTS | {200: {"model": DecidedOut, "description": "All were decided within `Prefer: wait`"}},
    **needs("ingest:write", body=BULK_BODY),
)
async def send_items(
    bulk: BulkIn,
    request: Request,
    caller: Client,
    parts: PartsOf,
    prefer: Annotated[
        str | None, Header(description="`wait=5`: answer 200 with decisions if all fall within 5 s")
    ] = None,
) -> Response:
    """Take 1 to 1,000 items or events of one of your sources, all or nothing."""
    source = await _find_source(parts, caller, bulk.source)
    events = _read_events(bulk.items)
    refuse_paused(source)
    traceparent = find_traceparent(request.headers.getlist(TRACEPARENT))
    receipts = await parts.gate.take_in(Arrival(source, tuple(events), test=caller.test, traceparent=traceparent))
    wait_s = read_wait(prefer)
    if wait_s:
        items = [receipt.item_id for receipt in receipts]
        with parts.waits.hold(caller.client_id, wait_s, OF_DECISIONS) as seconds:
            decisions = await await_decisions(parts.intake_database, caller.scope, items, seconds)
        if decisions is not None:
            shown = [describe_receipt(one) | {"decision": decisions[one.item_id]} for one in receipts]
            return JsonAnswer({"items": shown}, 200, {"preference-applied": f"wait={wait_s}"})
    return answer_receipts(receipts)


@router.get("/items/{item_id}", responses={200: {"model": ItemOut}}, **needs("items:read"))
async def get_item(item_id: str, request: Request, caller: Client, session: Tx) -> Response:
    """One item by its id: state, interim, decision, case, clocks, history."""
    item = await find_item(session, caller.agency_id, item_id=read_id("itm", item_id))
    language = choose_language(request.headers.get("accept-language"))
    return JsonAnswer(await describe_item(session, item, language))


@router.get("/items", responses={200: {"model": ItemOut}}, **needs("items:read"))
async def look_up_item(
    request: Request,
    caller: Client,
    parts: PartsOf,
    source: Annotated[str, Query(max_length=64)],
    external_id: Annotated[str, Query(max_length=256)],
) -> Response:
    """One item by the id you gave it."""
    source_id = read_id("src", source)
    try:
        return await _show_item(request, caller, parts, (source_id, external_id))
    except NotFound:
        # An id that named its author is kept as a keyed hash, which no client's transaction can make.
        async with parts.intake_database.transaction(Scope(caller.agency_id)) as agency:
            name = await pseudonym(agency, parts.sealer, caller.agency_id, external_id)
    return await _show_item(request, caller, parts, (source_id, name))


async def _show_item(request: Request, caller: ClientCaller, parts: Parts, key: tuple[UUID, str]) -> Response:
    language = choose_language(request.headers.get("accept-language"))
    async with parts.intake_database.transaction(caller.scope) as session:
        item = await find_item(session, caller.agency_id, key=key)
        return JsonAnswer(await describe_item(session, item, language))


async def _find_source(parts: Parts, caller: ClientCaller, shown: str) -> FoundSource:
    source_id = parse_id("src", shown)
    source = await parts.lookups.find_source(source_id) if source_id else None
    if source is None or (source.agency_id, source.client_id) != (caller.agency_id, caller.client_id):
        raise NotFound(msg("There is no source {id}", id=shown[:64]))
    return source


def _read_events(raw_events: list[dict[str, Any]]) -> list[InboundEvent]:
    """Every event checked; all mistakes of all of them at once."""
    events: list[InboundEvent] = []
    errors: list[InputError] = []
    for position, raw in enumerate(raw_events):
        try:
            events.append(read_bulk_event(raw, f"/items/{position}"))
        except Invalid as invalid:
            if invalid.slug == "not-yet":
                raise
            errors.extend(invalid.errors)
    if errors:
        raise Invalid(msg("Some items have mistakes; none was stored"), errors=errors)
    return events
