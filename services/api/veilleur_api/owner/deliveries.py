"""Callbacks on their way, and those that never arrived."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.delivery.queries import Wanted, find_delivery, page_deliveries, show_delivery
from veilleur.domain.delivery.redrive import redeliver
from veilleur.domain.outbox.models import Endpoint
from veilleur.kernel.ids import show_id
from veilleur.kernel.paging import PageRequest, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, Tx
from veilleur_api.endpoint_documents import CallbacksOut, DeliveryState, LoggedCallbackOut
from veilleur_api.filters import read_known
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "deliveries")


@router.get("/deliveries", responses={200: {"model": CallbacksOut}}, **needs("deliveries:read"))
async def list_deliveries(  # noqa: PLR0917 - query parameters
    caller: Member,
    session: Tx,
    state: DeliveryState | None = None,
    client: str | None = None,
    endpoint: str | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Deliveries in the order they were made; `state=dead` are those given up."""
    wanted = Wanted(
        caller.agency_id,
        None if client is None else (await find_client(session, caller.agency_id, client)).id,
        await read_known(session, caller.agency_id, Endpoint, "end", endpoint),
        state,
    )
    page = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    return JsonAnswer(await page_deliveries(session, wanted, page))


@router.get("/deliveries/{delivery_id}", responses={200: {"model": LoggedCallbackOut}}, **needs("deliveries:read"))
async def get_delivery(
    delivery_id: str,
    caller: Member,
    session: Tx,
    body: Annotated[bool, Query(description="its body too")] = False,  # noqa: FBT002 - a parameter of the query
) -> Response:
    """One delivery with every attempt; its body only when asked for, and that is noted: it holds content."""
    delivery = await find_delivery(session, caller.agency_id, None, delivery_id)
    if body:
        deed = Deed(caller.name, "delivery.read", show_id("dlv", delivery.id), delivery.client_id)
        await record_deeds(session, caller.agency_id, [deed])
    return JsonAnswer(await show_delivery(session, delivery, with_body=body))


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    status_code=202,
    responses={202: {"model": LoggedCallbackOut}},
    **needs("deliveries:write"),
)
async def redeliver_delivery(delivery_id: str, caller: Member, session: Tx) -> Response:
    """Send it again, now, with the same id and body; its schedule starts over."""
    delivery = await find_delivery(session, caller.agency_id, None, delivery_id)
    again = await redeliver(session, delivery, caller.name)
    return JsonAnswer(await show_delivery(session, again, with_body=False), 202)
