"""The operator's ways into an agency in an emergency, with a reason and not unseen: a look for an hour at most, and a
code for an owner who can't log in any more.
"""

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from veilleur.domain.oversight.break_glass import break_glass, describe_grant
from veilleur.domain.oversight.readmit_owner import readmit_owner
from veilleur.domain.tenancy.issuer import TokenClaims
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import read_id
from veilleur_api.admin.agencies import authorise_operator
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import PartsOf
from veilleur_api.grants import LOGIN_CODE
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.documents import Email
from veilleur_api.words import Reason

router = guarded_router("/admin/v1", authorise_operator, "break glass")


class BreakGlassIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    reason: Reason
    minutes: Annotated[int, Field(ge=1, le=60)] = 30


@router.post("/agencies/{agency_id}/break-glass", status_code=201, **needs("agencies:enter"))
async def create_break_glass(agency_id: str, wanted: BreakGlassIn, parts: PartsOf) -> Response:
    """A token that reads what the agency's owner reads and changes nothing. The owner sees the grant and can end it;
    every request with it is in the agency's audit trail.
    """
    entered, lifetime = read_id("agc", agency_id), timedelta(minutes=wanted.minutes)
    async with parts.database.transaction(Scope(entered)) as session:
        grant = await break_glass(session, entered, wanted.reason, lifetime)
    await parts.issuer.refresh()
    token = parts.issuer.issue(TokenClaims(entered, break_glass_id=grant.id), lifetime)
    return JsonAnswer(describe_grant(grant) | {"token": token}, 201)


class OwnerLoginIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    email: Email
    reason: Reason


@router.post("/agencies/{agency_id}/owner-login", status_code=201, **needs("agencies:enter"))
async def create_owner_login(agency_id: str, wanted: OwnerLoginIn, parts: PartsOf) -> Response:
    """A one-time code with which an owner who lost the way in gets a token at `/oauth/token`. Make sure who asks: the
    agency's endpoints are told, and its audit trail keeps the reason.
    """
    entered = read_id("agc", agency_id)
    async with parts.database.transaction(Scope(entered)) as session:
        code, row = await readmit_owner(session, entered, wanted.email, wanted.reason)
    return JsonAnswer({"code": code, "grant_type": LOGIN_CODE, "expires_at": row.expires_at}, 201)
