"""How much clients may send, and what they have sent."""

from typing import Any

from starlette.responses import Response

from veilleur.domain.tenancy.models import Agency
from veilleur.domain.tenancy.quota import find_today
from veilleur.domain.tenancy.set_quota import (
    describe_agency_quota,
    describe_client_quota,
    load_standing,
    set_quota,
)
from veilleur.kernel.clock import now
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import find_client
from veilleur_api.principals import authorise_member
from veilleur_api.quota_documents import QuotaIn, QuotaOut

router = guarded_router("/owner/v1", authorise_member, "quotas")

_QUOTA: dict[int | str, Any] = {200: {"model": QuotaOut}}


@router.get("/quota", responses=_QUOTA, **needs("clients:read"))
async def get_quota(caller: Member, session: Tx) -> Response:
    """What the operator lets this agency take in, and what its clients have sent."""
    agency = await session.get_one(Agency, caller.agency_id)
    standing = await load_standing(session, caller.agency_id, None, find_today(now(), agency.time_zone))
    return JsonAnswer(describe_agency_quota(standing))


@router.get("/clients/{client_id}/quota", responses=_QUOTA, **needs("clients:read"))
async def get_client_quota(client_id: str, caller: Member, session: Tx) -> Response:
    """What a client may send, and has sent."""
    client = await find_client(session, caller.agency_id, client_id)
    standing = await load_standing(session, caller.agency_id, client.id, find_today(now(), client.time_zone))
    return JsonAnswer(describe_client_quota(standing))


@router.put("/clients/{client_id}/quota", responses=_QUOTA, **needs("clients:write"))
async def put_client_quota(client_id: str, wanted: QuotaIn, caller: Member, session: Tx) -> Response:
    """Set a client's limits; within five seconds its calls beyond them get 429 with `Retry-After`. Platforms whose own
    webhooks come once are never refused: what they send beyond a quota is taken and counted as `beyond`.
    """
    client = await find_client(session, caller.agency_id, client_id)
    await set_quota(session, caller.agency_id, client.id, wanted.to_limits(), caller.name)
    standing = await load_standing(session, caller.agency_id, client.id, find_today(now(), client.time_zone))
    return JsonAnswer(describe_client_quota(standing))
