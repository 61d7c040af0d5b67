"""Who is calling: the three kinds of callers, found from the request's bearer."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from fastapi import Request

from veilleur.domain.oversight.break_glass import Look, note_look
from veilleur.domain.tenancy.bearer import read_token
from veilleur.domain.tenancy.issuer import TokenClaims
from veilleur.infra.db.session import Scope
from veilleur.infra.security.api_keys import hash_api_key, is_api_key
from veilleur.kernel.errors import Forbidden, Unauthenticated
from veilleur.kernel.ids import parse_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.parts import Parts
from veilleur_api.permissions import BREAK_GLASS, member_may

AGENCY_HEADER = "veilleur-agency"
"""For tokens of a provider that serves several agencies."""


@dataclass(frozen=True, slots=True)
class ClientCaller:
    """A client platform, confined to its own rows."""

    agency_id: UUID
    client_id: UUID
    credential_id: UUID
    scopes: frozenset[str]
    test: bool = False

    @property
    def scope(self) -> Scope:
        return Scope(self.agency_id, self.client_id)


@dataclass(frozen=True, slots=True)
class MemberCaller:
    """A person of the agency."""

    agency_id: UUID
    member_id: UUID
    roles: frozenset[str]
    break_glass: bool = False
    """It is the operator who looks in, and `member_id` is the grant's id."""

    @property
    def scope(self) -> Scope:
        return Scope(self.agency_id)

    @property
    def name(self) -> str:
        return show_id("bgl" if self.break_glass else "mem", self.member_id)


def get_parts(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


def read_bearer(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(msg("Send your key or token as `Authorization: Bearer …`"))
    return token.strip()


async def authorise_client(request: Request, permission: str) -> None:
    """An API key or a client's token with the scope `permission`."""
    caller = await _find_client(get_parts(request), read_bearer(request))
    if permission not in caller.scopes:
        raise Forbidden(msg("This key lacks the scope {scope}", scope=permission), slug="missing-scope")
    request.state.caller = caller


async def authorise_member(request: Request, permission: str) -> None:
    """A member's token, ours or a trusted provider's, with a role of now that allows `permission`."""
    parts, bearer = get_parts(request), read_bearer(request)
    if read_token(bearer).claims.get("iss") != parts.issuer.issuer:
        caller = await _find_known(request, parts, bearer)
    else:
        claims = await parts.issuer.read(bearer)
        if claims.break_glass_id is not None:
            request.state.caller = await _look_in(request, parts, claims, permission)
            return
        caller = await _find_member(parts, claims)
    if not member_may(caller.roles, permission):
        raise Forbidden(msg("Your roles do not allow this ({permission})", permission=permission))
    request.state.caller = caller


async def _find_member(parts: Parts, claims: TokenClaims) -> MemberCaller:
    if claims.member_id is None:
        raise _unknown_token()
    member = await parts.lookups.find_member(claims.agency_id, claims.member_id, claims.session_id)
    if member is None:
        raise _unknown_token()
    return MemberCaller(member.agency_id, member.member_id, member.roles)


async def _find_known(request: Request, parts: Parts, bearer: str) -> MemberCaller:
    """A provider may take roles away, never add any: what a member may is the agency's own decision."""
    wanted = request.headers.get(AGENCY_HEADER)
    agency_id = parse_id("agc", wanted) if wanted is not None else None
    if wanted is not None and agency_id is None:
        raise _unknown_token()
    known = await parts.identities.read_bearer(bearer, agency_id)
    member = await parts.lookups.find_member(known.provider.agency_id, known.member_id)
    if member is None:
        raise _unknown_token()
    roles = member.roles if known.roles is None else member.roles & known.roles
    return MemberCaller(member.agency_id, member.member_id, roles)


async def _look_in(request: Request, parts: Parts, claims: TokenClaims, permission: str) -> MemberCaller:
    """The operator in an emergency: reads only, and each is in the agency's trail before it is answered."""
    agency_id, grant_id = claims.agency_id, claims.break_glass_id
    if grant_id is None or request.method != "GET" or permission not in BREAK_GLASS:
        raise Forbidden(msg("Your roles do not allow this ({permission})", permission=permission))
    look = Look(request.scope["route"].name, request.scope["path"])
    async with parts.database.transaction(Scope(agency_id)) as session:
        if not await note_look(session, agency_id, grant_id, look):
            raise _unknown_token()
    return MemberCaller(agency_id, grant_id, frozenset(), break_glass=True)


def _unknown_token() -> Unauthenticated:
    return Unauthenticated(msg("The token does not hold: it is unknown, expired or not for this service"))


async def _find_client(parts: Parts, bearer: str) -> ClientCaller:
    if is_api_key(bearer):
        return await _find_by_hash(parts, bearer, "api_key")
    claims: TokenClaims = await parts.issuer.read(bearer)
    if claims.client_id is None or claims.credential_id is None:
        raise Unauthenticated(msg("This token is a member's; clients use an API key or their own token"))
    if not await parts.lookups.is_live(claims.agency_id, claims.credential_id):
        raise Unauthenticated(msg("This key is unknown, expired or revoked"))
    return ClientCaller(claims.agency_id, claims.client_id, claims.credential_id, claims.scopes)


async def _find_by_hash(parts: Parts, secret: str, kind: Literal["api_key", "oauth_client"]) -> ClientCaller:
    found = await parts.lookups.find_credential(hash_api_key(secret))
    if found is None or found.kind != kind:
        raise Unauthenticated(msg("This key is unknown, expired or revoked"))
    return ClientCaller(found.agency_id, found.client_id, found.credential_id, found.scopes, found.test)
