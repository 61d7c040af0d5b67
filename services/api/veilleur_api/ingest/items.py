"""Bulk intake with a key, and looking items up again."""

from typing import Annotated, Any

from fastapi import Query
from starlette.responses import Response

from veilleur.domain.intake.envelope import InboundItem, read_item, refuse_not_yet
from veilleur.domain.intake.receive import Arrival
from veilleur.domain.screening.history import describe_item, find_item
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import parse_id, read_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Client, PartsOf, Tx
from veilleur_api.guard import BULK_BODY, guarded_router, needs
from veilleur_api.ingest.documents import RECEIPTS, BulkIn, ItemOut
from veilleur_api.ingest.webhooks import answer_receipts
from veilleur_api.parts import Parts
from veilleur_api.principals import ClientCaller, authorise_client

router = guarded_router("/ingest/v1", authorise_client, "items")

EVENT_TYPES = ("item.created", "item.updated", "item.deleted", "item.reported", "appeal.created")


@router.post("/items", status_code=202, responses=RECEIPTS, **needs("ingest:write", body=BULK_BODY))
async def send_items(bulk: BulkIn, caller: Client, parts: PartsOf) -> Response:
    """Take 1 to 1,000 items of one of your sources, all or nothing."""
    source = await _find_source(parts, caller, bulk.source)
    items = _read_items(bulk.items)
    return answer_receipts(await parts.intake.submit(Arrival(source, tuple(items))))


@router.get("/items/{item_id}", responses={200: {"model": ItemOut}}, **needs("items:read"))
async def get_item(item_id: str, caller: Client, session: Tx) -> Response:
    """One item by its id: state, interim, decision, case, clocks, history."""
    item = await find_item(session, caller.agency_id, item_id=read_id("itm", item_id))
    return JsonAnswer(await describe_item(session, item))


@router.get("/items", responses={200: {"model": ItemOut}}, **needs("items:read"))
async def look_up_item(
    caller: Client,
    session: Tx,
    source: Annotated[str, Query(max_length=64)],
    external_id: Annotated[str, Query(max_length=256)],
) -> Response:
    """One item by the id you gave it."""
    key = (read_id("src", source), external_id)
    item = await find_item(session, caller.agency_id, key=key)
    return JsonAnswer(await describe_item(session, item))


async def _find_source(parts: Parts, caller: ClientCaller, shown: str) -> FoundSource:
    source_id = parse_id("src", shown)
    source = await parts.lookups.find_source(source_id) if source_id else None
    if source is None or (source.agency_id, source.client_id) != (caller.agency_id, caller.client_id):
        raise NotFound(msg("There is no source {id}", id=shown[:64]))
    return source


def _read_items(raw_items: list[dict[str, Any]]) -> list[InboundItem]:
    """Every item checked; all mistakes of all items at once."""
    items: list[InboundItem] = []
    errors: list[InputError] = []
    for position, raw in enumerate(raw_items):
        pointer = f"/items/{position}"
        try:
            errors.extend(_check_type(raw.get("type", "item.created"), f"{pointer}/type"))
            items.append(read_item({name: value for name, value in raw.items() if name != "type"}, pointer))
        except Invalid as invalid:
            if invalid.slug == "not-yet":
                raise
            errors.extend(invalid.errors)
    if errors:
        raise Invalid(msg("Some items have mistakes; none was stored"), errors=errors)
    return items


def _check_type(event_type: object, pointer: str) -> list[InputError]:
    if event_type not in EVENT_TYPES:
        return [InputError(pointer, msg("not an event type"), msg("allowed: {codes}", codes=EVENT_TYPES))]
    refuse_not_yet(str(event_type), pointer)
    return []
