"""A client's own callbacks: on their way, arrived, given up."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from veilleur.domain.delivery.queries import Wanted, find_delivery, page_deliveries, show_delivery
from veilleur.domain.delivery.redrive import redeliver
from veilleur.domain.outbox.models import Endpoint
from veilleur.infra.db.session import Scope
from veilleur.kernel.errors import Forbidden
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import PageRequest, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Client, Limit, PartsOf, Tx
from veilleur_api.endpoint_documents import CallbacksOut, DeliveryState, LoggedCallbackOut
from veilleur_api.filters import read_known
from veilleur_api.guard import guarded_router, needs
from veilleur_api.principals import authorise_client

router = guarded_router("/ingest/v1", authorise_client, "deliveries")

BODY_SCOPE = "items:read"


@router.get("/deliveries", responses={200: {"model": CallbacksOut}}, **needs("endpoints:write"))
async def list_own_deliveries(
    caller: Client,
    session: Tx,
    state: DeliveryState | None = None,
    endpoint: str | None = None,
    limit: Limit = 50,
    after: After = None,
) -> Response:
    """Your callbacks, the newest first; `state=dead` are those given up. Never their bodies."""
    endpoint_id = await read_known(session, caller.agency_id, Endpoint, "end", endpoint)
    wanted = Wanted(caller.agency_id, caller.client_id, endpoint_id, state, newest_first=True)
    page = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    return JsonAnswer(await page_deliveries(session, wanted, page))


@router.get("/deliveries/{delivery_id}", responses={200: {"model": LoggedCallbackOut}}, **needs("endpoints:write"))
async def get_own_delivery(
    delivery_id: str,
    caller: Client,
    session: Tx,
    body: Annotated[bool, Query(description="its body too; needs items:read")] = False,  # noqa: FBT002 - see owner's
) -> Response:
    """One callback with every attempt; its body only when asked for."""
    if body and BODY_SCOPE not in caller.scopes:
        raise Forbidden(msg("This key lacks the scope {scope}", scope=BODY_SCOPE), slug="missing-scope")
    delivery = await find_delivery(session, caller.agency_id, caller.client_id, delivery_id)
    return JsonAnswer(await show_delivery(session, delivery, with_body=body))


@router.post(
    "/deliveries/{delivery_id}/redeliver",
    status_code=202,
    responses={202: {"model": LoggedCallbackOut}},
    **needs("endpoints:write"),
)
async def redeliver_own_delivery(delivery_id: str, caller: Client, parts: PartsOf) -> Response:
    """Be sent it again, now, with the same id and body; its schedule starts over."""
    # A client's own transaction may only read.
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        delivery = await find_delivery(session, caller.agency_id, caller.client_id, delivery_id)
        again = await redeliver(session, delivery, show_id("key", caller.credential_id))
        return JsonAnswer(await show_delivery(session, again, with_body=False), 202)
