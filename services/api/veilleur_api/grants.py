"""The grants of `POST /oauth/token`: what is traded for which token."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from fastapi import Request
from starlette.responses import Response

from veilleur.domain.tenancy.connect_provider import link_identity
from veilleur.domain.tenancy.issuer import TokenClaims
from veilleur.domain.tenancy.log_in import (
    BY_CODE,
    LoggedIn,
    Voucher,
    open_session,
    refresh_session,
    use_login_code,
)
from veilleur.infra.db.session import Scope
from veilleur.infra.security.api_keys import hash_secret
from veilleur.kernel.errors import Conflict, Unauthenticated
from veilleur.kernel.ids import parse_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.oauth_forms import NO_STORE, OAuthError, read_basic
from veilleur_api.parts import Parts

LOGIN_CODE = "urn:veilleur:grant-type:login-code"
CLIENT_CREDENTIALS = "client_credentials"
REFRESH_TOKEN = "refresh_token"  # noqa: S105 - a grant's name

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Granted:
    """What an access token will say; with the log-in it belongs to, if it is a member's."""

    claims: TokenClaims
    logged_in: LoggedIn | None = None


async def answer_grant(parts: Parts, granted: Granted) -> Response:
    """The answer of RFC 6749, 5.1."""
    await parts.issuer.refresh()
    lifetime_s = parts.settings.token_lifetime_s
    if granted.logged_in is not None:
        lifetime_s = min(lifetime_s, granted.logged_in.remaining_s)
    answer: dict[str, Any] = {
        "access_token": parts.issuer.issue(granted.claims, timedelta(seconds=lifetime_s)),
        "token_type": "Bearer",
        "expires_in": lifetime_s,
    }
    if granted.claims.scopes:
        answer["scope"] = " ".join(sorted(granted.claims.scopes))
    if granted.logged_in is not None:
        answer["refresh_token"] = granted.logged_in.refresh_token
        answer["refresh_expires_in"] = granted.logged_in.remaining_s
    return JsonAnswer(answer, 200, NO_STORE)


def grant_member(logged_in: LoggedIn) -> Granted:
    """A member's token for a log-in."""
    claims = TokenClaims(logged_in.agency_id, member_id=logged_in.member_id, session_id=logged_in.session_id)
    return Granted(claims, logged_in)


async def grant_client(request: Request, parts: Parts, form: Form) -> Granted:
    client_id, secret = read_basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    found = await parts.lookups.find_credential(hash_secret(secret))
    if found is None or found.kind != "oauth_client" or parse_id("key", client_id) != found.credential_id:
        raise OAuthError("invalid_client", "unknown client or wrong secret", 401)
    wanted = frozenset(form.get("scope", "").split()) or found.scopes
    if not wanted <= found.scopes:
        raise OAuthError("invalid_scope", f"allowed: {' '.join(sorted(found.scopes))}")
    claims = TokenClaims(found.agency_id, credential_id=found.credential_id, client_id=found.client_id, scopes=wanted)
    return Granted(claims)


async def grant_by_code(_request: Request, parts: Parts, form: Form) -> Granted:
    """A login code opens a session; with an `identity_token` of a provider it also links that identity."""
    found = await find_login_code(parts, form.get("code", ""))
    if found is None:
        raise _invalid_code()
    linked = None
    if "identity_token" in form:
        try:
            linked = await parts.identities.read_foreign(form["identity_token"], found.agency_id)
        except Unauthenticated:
            raise OAuthError("invalid_grant", "the identity token does not hold here") from None
    async with parts.database.transaction(Scope(found.agency_id)) as session:
        member_id = await use_login_code(session, found.agency_id, found.id)
        if member_id is None:
            raise _invalid_code()
        voucher = BY_CODE
        if linked is not None:
            provider, subject = linked
            voucher = Voucher(provider.provider_id, subject.roles)
            try:
                await link_identity(session, found.agency_id, provider.provider_id, subject.subject, member_id)
            except Conflict as conflict:
                raise OAuthError("invalid_grant", str(conflict.detail)) from None
        logged_in = await open_session(session, found.agency_id, member_id, voucher)
        if logged_in is None:
            raise _invalid_code()
    return grant_member(logged_in)


async def grant_again(_request: Request, parts: Parts, form: Form) -> Granted:
    """A refresh token is traded for the next one; one that was used before ends its session."""
    found = await find_refresh_token(parts, form.get("refresh_token", ""))
    logged_in = None
    if found is not None:
        async with parts.database.transaction(Scope(found.agency_id)) as session:
            logged_in = await refresh_session(session, found.agency_id, found.session_id, found.id)
    if logged_in is None:
        raise OAuthError("invalid_grant", "the refresh token is unknown, used or expired, or its session was ended")
    return grant_member(logged_in)


GRANTS: Mapping[str, Callable[[Request, Parts, Form], Awaitable[Granted]]] = {
    CLIENT_CREDENTIALS: grant_client,
    LOGIN_CODE: grant_by_code,
    REFRESH_TOKEN: grant_again,
}


async def find_refresh_token(parts: Parts, secret: str) -> Any:
    """Agency, id and session of a refresh token, whatever its state; None for no such token."""
    return await parts.lookups.find_secret("find_refresh_token", secret)


async def find_login_code(parts: Parts, secret: str) -> Any:
    """Agency, id and member of a code that still works; None for no such code."""
    return await parts.lookups.find_secret("find_login_code", secret)


def _invalid_code() -> OAuthError:
    return OAuthError("invalid_grant", "the code is unknown, used or expired")
