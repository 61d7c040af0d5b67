"""Where a client is called back, kept by its own engineer.

A client's own transactions only read; what changes is written by the agency, and confined to the client by hand.
"""

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.delivery.change_endpoint import change_endpoint, ping_endpoint_once
from veilleur.domain.delivery.redrive import recover_endpoint, replay_missing
from veilleur.domain.delivery.shape import describe_endpoint
from veilleur.domain.outbox.endpoints import add_endpoint, retire_endpoint
from veilleur.domain.outbox.models import Endpoint
from veilleur.infra.db.session import Scope
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Client, Limit, PartsOf, Tx
from veilleur_api.endpoint_answers import (
    answer_endpoint,
    answer_new_secret,
    answer_redriven,
    check_url,
    read_changes,
    read_since,
)
from veilleur_api.endpoint_documents import (
    ClientEndpointIn,
    ClientEndpointPatch,
    EndpointOut,
    EndpointsOut,
    NewEndpointOut,
    NewSecretOut,
    PingOut,
    RecoverIn,
    RedrivenOut,
    ReplayIn,
    SecretIn,
)
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.principals import ClientCaller, authorise_client

router = guarded_router("/ingest/v1", authorise_client, "endpoints")

MOST_ENDPOINTS = 20
"""That are called; every event goes to each of them."""


@router.get("/endpoints", responses={200: {"model": EndpointsOut}}, **needs("endpoints:write"))
async def list_own_endpoints(caller: Client, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """Your endpoints and how they fare, without their secrets."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    query = select(Endpoint).where(Endpoint.agency_id == caller.agency_id, Endpoint.client_id == caller.client_id)
    page = await page_by_id(session, query, Endpoint, limit, after, lambda one: describe_endpoint(one, present))
    return JsonAnswer(page)


@router.get("/endpoints/{endpoint_id}", responses={200: {"model": EndpointOut}}, **needs("endpoints:write"))
async def get_own_endpoint(endpoint_id: str, caller: Client, session: Tx) -> Response:
    """One of your endpoints and how it fares."""
    return await answer_endpoint(session, await _find_endpoint(session, caller, endpoint_id))


@router.post("/endpoints", status_code=201, responses={201: {"model": NewEndpointOut}}, **needs("endpoints:write"))
async def create_own_endpoint(new: ClientEndpointIn, caller: Client, parts: PartsOf) -> Response:
    """Be called back at `url`, for the events named or for all. The secret is shown this once."""
    await check_url(parts, new.url)
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        await _require_room(session, caller)
        endpoint = Endpoint(
            agency_id=caller.agency_id, client_id=caller.client_id, url=new.url, events=list(new.events or ())
        )
        sealer = await parts.keyring.sealer_in(session, caller.agency_id, caller.client_id)
        secret = await add_endpoint(session, sealer, endpoint, _name(caller))
        return await answer_endpoint(session, endpoint, 201, secret=secret)


@router.patch("/endpoints/{endpoint_id}", responses={200: {"model": EndpointOut}}, **needs("endpoints:write"))
async def change_own_endpoint(endpoint_id: str, patch: ClientEndpointPatch, caller: Client, parts: PartsOf) -> Response:
    """Change an endpoint, or enable and disable it. What it missed while disabled: `recover`, `replay-missing`."""
    await check_url(parts, patch.url)
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        endpoint = await _find_endpoint(session, caller, endpoint_id)
        changes = read_changes(patch)
        if changes.get("state") == "enabled" and endpoint.disabled_at is not None:
            await _require_room(session, caller)
        await change_endpoint(session, endpoint, changes, _name(caller), "client")
        return await answer_endpoint(session, endpoint)


@router.delete("/endpoints/{endpoint_id}", status_code=204, **needs("endpoints:write"))
async def disable_own_endpoint(endpoint_id: str, caller: Client, parts: PartsOf) -> Response:
    """Be called there no more; what is still on its way is given up."""
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        endpoint = await _find_endpoint(session, caller, endpoint_id)
        await retire_endpoint(session, endpoint, _name(caller), "client")
    return Response(status_code=204)


@router.post(
    "/endpoints/{endpoint_id}/ping",
    status_code=202,
    responses={202: {"model": PingOut}},
    **needs("endpoints:write"),
)
async def ping_own_endpoint(endpoint_id: str, caller: Client, parts: PartsOf) -> Response:
    """Be sent a signed `ping`; the answer names its delivery."""
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        delivery_id = await ping_endpoint_once(session, await _find_endpoint(session, caller, endpoint_id))
    return JsonAnswer({"delivery_id": show_id("dlv", delivery_id)}, 202)


@router.post(
    "/endpoints/{endpoint_id}/secrets",
    status_code=201,
    responses={201: {"model": NewSecretOut}},
    **needs("endpoints:write"),
)
async def rotate_own_secret(endpoint_id: str, new: SecretIn, caller: Client, parts: PartsOf) -> Response:
    """A new secret, shown this once; the old ones go on signing for `overlap_s`."""
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        endpoint = await _find_endpoint(session, caller, endpoint_id)
        return await answer_new_secret(session, parts, endpoint, new, _name(caller))


@router.post(
    "/endpoints/{endpoint_id}/recover",
    status_code=202,
    responses={202: {"model": RedrivenOut}},
    **needs("endpoints:write"),
)
async def recover_own_deliveries(endpoint_id: str, wanted: RecoverIn, caller: Client, parts: PartsOf) -> Response:
    """Be sent again, now, what was made since a time and did not arrive."""
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        endpoint = await _find_endpoint(session, caller, endpoint_id)
        return answer_redriven(await recover_endpoint(session, endpoint, read_since(wanted.since), _name(caller)))


@router.post(
    "/endpoints/{endpoint_id}/replay-missing",
    status_code=202,
    responses={202: {"model": RedrivenOut}},
    **needs("endpoints:write"),
)
async def replay_own_missing_events(endpoint_id: str, wanted: ReplayIn, caller: Client, parts: PartsOf) -> Response:
    """Be sent what this endpoint wants and never was on its way to it: from before it was, or while it was disabled."""
    async with parts.intake_database.transaction(Scope(caller.agency_id)) as session:
        endpoint = await _find_endpoint(session, caller, endpoint_id)
        return answer_redriven(await replay_missing(session, endpoint, read_since(wanted.since), _name(caller)))


def _name(caller: ClientCaller) -> str:
    return show_id("key", caller.credential_id)


async def _require_room(session: AsyncSession, caller: ClientCaller) -> None:
    query = select(func.count()).where(
        Endpoint.agency_id == caller.agency_id, Endpoint.client_id == caller.client_id, Endpoint.disabled_at.is_(None)
    )
    if (await session.execute(query)).scalar_one() >= MOST_ENDPOINTS:
        raise Conflict(msg("At most {limit} endpoints can be enabled", limit=MOST_ENDPOINTS), slug="endpoint-limit")


async def _find_endpoint(session: AsyncSession, caller: ClientCaller, shown: str) -> Endpoint:
    endpoint = await session.get(Endpoint, (caller.agency_id, read_id("end", shown)))
    if endpoint is None or endpoint.client_id != caller.client_id:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return endpoint
