"""Where the agency's own people are told: signed webhooks, chats, e-mail."""

from datetime import datetime
from typing import Any

from fastapi import Request
from sqlalchemy import func, select
from starlette.responses import Response

from veilleur.domain.delivery.change_endpoint import change_endpoint, ping_endpoint_once
from veilleur.domain.delivery.shape import describe_endpoint
from veilleur.domain.outbox.endpoints import add_endpoint, add_mailbox, hide_path, retire_endpoint
from veilleur.domain.outbox.models import Endpoint
from veilleur.kernel.errors import InputError, Invalid, NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.endpoint_answers import check_url, read_changes
from veilleur_api.endpoint_documents import AgencyEndpointPatch, PingOut
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.documents import AgencyEndpointIn
from veilleur_api.parts import Parts
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "endpoints")


@router.post("/endpoints", status_code=201, **needs("notices:write"))
async def create_agency_endpoint(
    new: AgencyEndpointIn, request: Request, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Tell the agency's people at `url`, of the events named or of all. A signing secret is shown this once."""
    await _check_reachable(new, parts)
    events = list(new.events or ())
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, None)
    if new.kind == "standard":
        endpoint = Endpoint(agency_id=caller.agency_id, url=new.url, events=events)
        secret = await add_endpoint(session, sealer, endpoint, caller.name)
        return JsonAnswer(_describe(endpoint, await _read_clock(session)) | {"secret": secret}, 201)
    endpoint = Endpoint(
        agency_id=caller.agency_id,
        kind=new.kind,
        language=new.language or choose_language(request.headers.get("accept-language")),
        url=new.url,
        events=events,
    )
    await add_mailbox(session, sealer, endpoint, caller.name)
    return JsonAnswer(_describe(endpoint, await _read_clock(session)), 201)


@router.get("/endpoints", **needs("notices:read"))
async def list_agency_endpoints(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """The agency's endpoints; of a chat's URL, which is its secret, only the host."""
    query = select(Endpoint).where(Endpoint.agency_id == caller.agency_id, Endpoint.client_id.is_(None))
    present = await _read_clock(session)
    return JsonAnswer(
        await page_by_id(session, query, Endpoint, limit, after, lambda endpoint: _describe(endpoint, present))
    )


@router.patch("/endpoints/{agency_endpoint_id}", **needs("notices:write"))
async def change_agency_endpoint(
    agency_endpoint_id: str, patch: AgencyEndpointPatch, caller: Member, session: Tx
) -> Response:
    """Change what an endpoint hears of and how, or enable and disable it."""
    endpoint = await _find_endpoint(session, caller, agency_endpoint_id)
    await change_endpoint(session, endpoint, read_changes(patch), caller.name, "owner")
    return JsonAnswer(_describe(endpoint, await _read_clock(session)))


@router.post(
    "/endpoints/{agency_endpoint_id}/ping",
    status_code=202,
    responses={202: {"model": PingOut}},
    **needs("notices:write"),
)
async def ping_agency_endpoint(agency_endpoint_id: str, caller: Member, session: Tx) -> Response:
    """Send a `ping` to one endpoint; the answer names its delivery."""
    endpoint = await _find_endpoint(session, caller, agency_endpoint_id)
    return JsonAnswer({"delivery_id": show_id("dlv", await ping_endpoint_once(session, endpoint))}, 202)


@router.delete("/endpoints/{agency_endpoint_id}", status_code=204, **needs("notices:write"))
async def disable_agency_endpoint(agency_endpoint_id: str, caller: Member, session: Tx) -> Response:
    """Tell nothing to this endpoint any more; what is still on its way to it is given up."""
    endpoint = await _find_endpoint(session, caller, agency_endpoint_id)
    await retire_endpoint(session, endpoint, caller.name)
    return Response(status_code=204)


async def _check_reachable(new: AgencyEndpointIn, parts: Parts) -> None:
    if new.kind != "email":
        await check_url(parts, new.url)
        return
    errors = []
    if not new.is_mail_address():
        errors.append(InputError("/url", msg("is no e-mail address"), msg("like `mailto:name@example.com`")))
    if parts.settings.smtp_url is None:
        hint = msg("the operator sets VEILLEUR_SMTP_URL; until then use `standard` or `slack`")
        errors.append(InputError("/kind", msg("this installation sends no e-mail"), hint))
    if errors:
        raise Invalid(msg("The endpoint can't be made like this"), errors=errors)


async def _find_endpoint(session: Tx, caller: Member, shown: str) -> Endpoint:
    endpoint = await session.get(Endpoint, (caller.agency_id, read_id("end", shown)))
    if endpoint is None or endpoint.client_id is not None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return endpoint


async def _read_clock(session: Tx) -> datetime:
    present: datetime = (await session.execute(select(func.app_now()))).scalar_one()
    return present


def _describe(endpoint: Endpoint, now: datetime) -> dict[str, Any]:
    return describe_endpoint(endpoint, now) | {
        "kind": endpoint.kind,
        "url": hide_path(endpoint.url) if endpoint.kind == "slack" else endpoint.url,
        "language": None if endpoint.kind == "standard" else endpoint.language,
    }
