"""Where a client is called back, kept by the owner."""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.delivery.change_endpoint import change_endpoint, ping_endpoint_once
from veilleur.domain.delivery.redrive import recover_endpoint, replay_missing
from veilleur.domain.delivery.shape import describe_endpoint
from veilleur.domain.outbox.endpoints import add_endpoint, retire_endpoint
from veilleur.domain.outbox.models import Endpoint
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.endpoint_answers import (
    answer_endpoint,
    answer_new_secret,
    answer_redriven,
    check_url,
    read_changes,
    read_since,
)
from veilleur_api.endpoint_documents import (
    EndpointIn,
    EndpointOut,
    EndpointPatch,
    EndpointSecretIn,
    EndpointsOut,
    NewEndpointOut,
    NewSecretOut,
    PingOut,
    RecoverIn,
    RedrivenOut,
    ReplayIn,
)
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client, page_by_id
from veilleur_api.principals import MemberCaller, authorise_member

router = guarded_router("/owner/v1", authorise_member, "endpoints")


@router.post(
    "/clients/{client_id}/endpoints",
    status_code=201,
    responses={201: {"model": NewEndpointOut}},
    **needs("clients:write"),
)
async def create_endpoint(client_id: str, new: EndpointIn, caller: Member, session: Tx, parts: PartsOf) -> Response:
    """Call the client back at `url`, for the events named or for all. The secret is shown this once."""
    await check_url(parts, new.url)
    client = await find_client(session, caller.agency_id, client_id)
    endpoint = Endpoint(
        agency_id=caller.agency_id,
        client_id=client.id,
        url=new.url,
        events=list(new.events or ()),
        concurrency=new.concurrency,
        rate_per_s=new.rate_per_s,
    )
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, client.id)
    secret = await add_endpoint(session, sealer, endpoint, caller.name)
    return await answer_endpoint(session, endpoint, 201, secret=secret)


@router.get("/clients/{client_id}/endpoints", responses={200: {"model": EndpointsOut}}, **needs("clients:read"))
async def list_endpoints(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The client's endpoints and how they fare, without their secrets."""
    client = await find_client(session, caller.agency_id, client_id)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    query = select(Endpoint).where(Endpoint.agency_id == caller.agency_id, Endpoint.client_id == client.id)
    page = await page_by_id(session, query, Endpoint, limit, after, lambda one: describe_endpoint(one, present))
    return JsonAnswer(page)


@router.patch(
    "/clients/{client_id}/endpoints/{endpoint_id}", responses={200: {"model": EndpointOut}}, **needs("clients:write")
)
async def change_client_endpoint(
    client_id: str, endpoint_id: str, patch: EndpointPatch, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Change an endpoint, or enable and disable it. What it missed while disabled: `recover`, `replay-missing`."""
    await check_url(parts, patch.url)
    endpoint = await _find_endpoint(session, caller, client_id, endpoint_id)
    await change_endpoint(session, endpoint, read_changes(patch), caller.name, "owner")
    return await answer_endpoint(session, endpoint)


@router.post(
    "/clients/{client_id}/endpoints/{endpoint_id}/secrets",
    status_code=201,
    responses={201: {"model": NewSecretOut}},
    **needs("clients:write"),
)
async def rotate_client_endpoint_secret(
    client_id: str, endpoint_id: str, new: EndpointSecretIn, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Issue a new secret; the old ones go on signing for `overlap_s`."""
    endpoint = await _find_endpoint(session, caller, client_id, endpoint_id)
    return await answer_new_secret(session, parts, endpoint, new, caller.name)


@router.post(
    "/clients/{client_id}/endpoints/{endpoint_id}/ping",
    status_code=202,
    responses={202: {"model": PingOut}},
    **needs("clients:write"),
)
async def ping_endpoint(client_id: str, endpoint_id: str, caller: Member, session: Tx) -> Response:
    """Send a signed `ping` to one endpoint; the answer names its delivery."""
    endpoint = await _find_endpoint(session, caller, client_id, endpoint_id)
    return JsonAnswer({"delivery_id": show_id("dlv", await ping_endpoint_once(session, endpoint))}, 202)


@router.delete("/clients/{client_id}/endpoints/{endpoint_id}", status_code=204, **needs("clients:write"))
async def disable_endpoint(client_id: str, endpoint_id: str, caller: Member, session: Tx) -> Response:
    """Stop calling this endpoint; what is still on its way to it is given up."""
    endpoint = await _find_endpoint(session, caller, client_id, endpoint_id)
    await retire_endpoint(session, endpoint, caller.name)
    return Response(status_code=204)


@router.post(
    "/endpoints/{endpoint_id}/recover",
    status_code=202,
    responses={202: {"model": RedrivenOut}},
    **needs("deliveries:write"),
)
async def recover_deliveries(endpoint_id: str, wanted: RecoverIn, caller: Member, session: Tx) -> Response:
    """Send again what was made since a time and did not arrive, for any endpoint of the agency or of a client."""
    endpoint = await _find_any(session, caller, endpoint_id)
    return answer_redriven(await recover_endpoint(session, endpoint, read_since(wanted.since), caller.name))


@router.post(
    "/endpoints/{endpoint_id}/replay-missing",
    status_code=202,
    responses={202: {"model": RedrivenOut}},
    **needs("deliveries:write"),
)
async def replay_missing_events(endpoint_id: str, wanted: ReplayIn, caller: Member, session: Tx) -> Response:
    """Send what this endpoint wants and never was on its way to it: from before it was, or while it was disabled."""
    endpoint = await _find_any(session, caller, endpoint_id)
    return answer_redriven(await replay_missing(session, endpoint, read_since(wanted.since), caller.name))


async def _find_any(session: AsyncSession, caller: MemberCaller, shown: str) -> Endpoint:
    endpoint = await session.get(Endpoint, (caller.agency_id, read_id("end", shown)))
    if endpoint is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return endpoint


async def _find_endpoint(session: AsyncSession, caller: MemberCaller, client_id: str, shown: str) -> Endpoint:
    client = await find_client(session, caller.agency_id, client_id)
    endpoint = await _find_any(session, caller, shown)
    if endpoint.client_id != client.id:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return endpoint
