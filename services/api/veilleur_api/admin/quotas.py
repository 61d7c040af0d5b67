"""How much an agency may take in."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.tenancy.models import Agency
from veilleur.domain.tenancy.quota import find_today
from veilleur.domain.tenancy.set_quota import describe_agency_quota, load_standing, set_quota
from veilleur.infra.db.session import Scope
from veilleur.kernel.clock import now
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import read_id
from veilleur.kernel.messages import msg
from veilleur_api.admin.agencies import authorise_operator
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import PartsOf
from veilleur_api.guard import guarded_router, needs
from veilleur_api.quota_documents import QuotaIn, QuotaOut

router = guarded_router("/admin/v1", authorise_operator, "quotas")

_QUOTA: dict[int | str, Any] = {200: {"model": QuotaOut}}


@router.get("/agencies/{agency_id}/quota", responses=_QUOTA, **needs("agencies:read"))
async def get_agency_quota(agency_id: str, parts: PartsOf) -> Response:
    """An agency's limits, and what its clients have sent."""
    identifier = read_id("agc", agency_id)
    async with parts.database.transaction(Scope(identifier)) as session:
        agency = await _find(session, agency_id)
        standing = await load_standing(session, identifier, None, find_today(now(), agency.time_zone))
    return JsonAnswer(describe_agency_quota(standing))


@router.put("/agencies/{agency_id}/quota", responses=_QUOTA, **needs("agencies:write"))
async def put_agency_quota(agency_id: str, wanted: QuotaIn, parts: PartsOf) -> Response:
    """Set what all clients of an agency may send together."""
    identifier = read_id("agc", agency_id)
    async with parts.database.transaction(Scope(identifier)) as session:
        agency = await _find(session, agency_id)
        await set_quota(session, identifier, None, wanted.to_limits(), "operator")
        standing = await load_standing(session, identifier, None, find_today(now(), agency.time_zone))
    return JsonAnswer(describe_agency_quota(standing))


async def _find(session: AsyncSession, shown: str) -> Agency:
    agency = await session.get(Agency, read_id("agc", shown))
    if agency is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return agency
