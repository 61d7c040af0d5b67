"""Agencies of this installation. The operator creates them and sees their names, never their content."""

import hmac
from typing import Annotated, Any

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from veilleur.domain.catalogue.documents import Name
from veilleur.domain.custody.depart import Documents, Leave, describe_departure, find_departure, let_agency_go
from veilleur.domain.onboarding.start import NewAgency, start_agency
from veilleur.domain.tenancy.issuer import TokenClaims
from veilleur.domain.tenancy.log_in import BY_OPERATOR, SESSION_LIFETIME, begin_session
from veilleur.infra.db.session import NOBODY, Scope
from veilleur.kernel.errors import Conflict, NotFound, Unauthenticated
from veilleur.kernel.ids import new_id, read_id, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.paging import PageRequest, cut_page, read_cursor
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, PartsOf
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.documents import Email, Slug, Zone
from veilleur_api.principals import get_parts, read_bearer


class OwnerIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    email: Email
    name: Name


class AgencyIn(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    slug: Slug
    name: Name
    time_zone: Zone
    owner: OwnerIn


async def authorise_operator(request: Request, _permission: str) -> None:
    """The operator key; without one in the settings nobody passes."""
    key = get_parts(request).settings.operator_key
    bearer = read_bearer(request).encode()
    if key is None or not hmac.compare_digest(bearer, key.get_secret_value().encode()):
        raise Unauthenticated(msg("This is not the operator key"))


router = guarded_router("/admin/v1", authorise_operator, "agencies")


@router.post("/agencies", status_code=201, **needs("agencies:write"))
async def create_agency(new: AgencyIn, parts: PartsOf) -> Response:
    """Create an agency and log its owner in: the first token is shown this once and lives 12 hours."""
    agency_id = new_id()
    wanted = NewAgency(new.slug, new.name, new.time_zone, new.owner.email, new.owner.name)
    try:
        async with parts.database.transaction(Scope(agency_id)) as session:
            owner = await start_agency(session, agency_id, wanted, "operator")
            opened = await begin_session(session, owner, BY_OPERATOR)
    except IntegrityError:
        raise Conflict(msg("The slug {slug} is taken", slug=new.slug), slug="slug-taken") from None
    claims = TokenClaims(agency_id, member_id=owner.id, session_id=opened.id)
    token = parts.issuer.issue(claims, SESSION_LIFETIME)
    shown_owner = {"id": show_id("mem", owner.id), "token": token}
    return JsonAnswer({"id": show_id("agc", agency_id), "slug": new.slug, "owner": shown_owner}, 201)


@router.delete("/agencies/{agency_id}", status_code=202, **needs("agencies:write"))
async def delete_agency(
    agency_id: str,
    parts: PartsOf,
    reason: Annotated[str, Query(min_length=1, max_length=1_000)],
    documents: Documents = "keep",
) -> Response:
    """Let an agency go: everybody is out at once, then everything is erased. `documents`: vouchers (usage, contracts,
    invoices) are kept here as law demands, or erased too because they were `handed_over` to who has to keep them.
    """
    identifier = read_id("agc", agency_id)
    async with parts.database.transaction(Scope(identifier)) as session:
        departure = await let_agency_go(session, identifier, Leave(reason, documents))
    path = f"/admin/v1/agencies/{agency_id}/departure"
    return JsonAnswer(describe_departure(departure), 202, {"location": path})


@router.get("/agencies/{agency_id}/departure", **needs("agencies:read"))
async def get_departure(agency_id: str, parts: PartsOf) -> Response:
    """The receipt of an agency's erasure: rows erased and rows kept, by table."""
    async with parts.database.transaction(NOBODY) as session:
        departure = await find_departure(session, read_id("agc", agency_id))
    if departure is None:
        raise NotFound(msg("There is no {id} here", id=agency_id[:64]))
    return JsonAnswer(describe_departure(departure))


@router.get("/agencies", **needs("agencies:read"))
async def list_agencies(parts: PartsOf, limit: Limit = 50, after: After = None) -> Response:
    """All agencies by slug."""
    request = PageRequest(limit, read_cursor(after, parts=1) if after else None)
    async with parts.database.transaction(NOBODY) as session:
        rows = await session.execute(
            text("SELECT * FROM list_agencies(:after, :wanted)"),
            {"after": request.after[0] if request.after else "", "wanted": limit + 1},
        )
        page = cut_page(rows.all(), request, lambda row: [row.slug])
    return JsonAnswer({"data": [_describe(row) for row in page.data], "next": page.next})


def _describe(row: Any) -> dict[str, Any]:
    return {
        "id": show_id("agc", row.agency_id),
        "slug": row.slug,
        "name": row.name,
        "time_zone": row.time_zone,
        "created_at": row.created_at,
    }
