"""Who is calling: the three kinds of callers, found from the request's bearer."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from fastapi import Request

from veilleur.domain.tenancy.issuer import TokenClaims
from veilleur.infra.db.session import Scope
from veilleur.infra.security.api_keys import hash_api_key, is_api_key
from veilleur.kernel.errors import Forbidden, Unauthenticated
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg
from veilleur_api.parts import Parts
from veilleur_api.permissions import member_may


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

    @property
    def scope(self) -> Scope:
        return Scope(self.agency_id)

    @property
    def name(self) -> str:
        return show_id("mem", self.member_id)


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
    """A member's token, with a role of now that allows `permission`."""
    parts = get_parts(request)
    claims = parts.issuer.read(read_bearer(request))
    member = await parts.lookups.find_member(claims.agency_id, claims.member_id) if claims.member_id else None
    if member is None:
        raise Unauthenticated(msg("The token does not hold: it is unknown, expired or not for this service"))
    if not member_may(member.roles, permission):
        raise Forbidden(msg("Your roles do not allow this ({permission})", permission=permission))
    request.state.caller = MemberCaller(member.agency_id, member.member_id, member.roles)


async def _find_client(parts: Parts, bearer: str) -> ClientCaller:
    if is_api_key(bearer):
        return await _find_by_hash(parts, bearer, "api_key")
    claims: TokenClaims = parts.issuer.read(bearer)
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
