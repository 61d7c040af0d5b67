"""Tokens: `POST /oauth/token` and `/oauth/revoke` (RFC 6749, 7009), metadata (RFC 8414), public keys (RFC 7517)."""

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from fastapi import APIRouter, Request
from starlette.responses import Response

from veilleur.domain.tenancy.log_in import end_sessions
from veilleur.infra.db.session import Scope
from veilleur.kernel.errors import Unauthenticated
from veilleur.kernel.ids import show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import PartsOf
from veilleur_api.grants import GRANTS, answer_grant, find_refresh_token
from veilleur_api.oauth_forms import OAuthError, read_form
from veilleur_api.parts import Parts

router = APIRouter(tags=["tokens"])

_TEXT = {"type": "string"}


def _form(required: str, properties: dict[str, object]) -> dict[str, object]:
    schema = {"type": "object", "required": [required], "properties": properties}
    return {"requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}}


_TOKEN_REQUEST = _form(
    "grant_type",
    {
        "grant_type": {"enum": sorted(GRANTS)},
        "client_id": _TEXT,
        "client_secret": _TEXT,
        "scope": _TEXT,
        "code": {"type": "string", "description": "a member's login code"},
        "identity_token": {
            "type": "string",
            "description": "with a code: a provider's access token, whose subject is linked to the member",
        },
        "refresh_token": {"type": "string", "description": "good once; the answer brings the next"},
    },
)
_REVOKE_REQUEST = _form("token", {"token": _TEXT, "token_type_hint": _TEXT})


@router.post("/oauth/token", openapi_extra=_TOKEN_REQUEST)
async def issue_token(request: Request, parts: PartsOf) -> Response:
    """Trade client credentials, a member's login code or a refresh token for a bearer token."""
    try:
        form = await read_form(request)
        if "grant_type" not in form:
            raise OAuthError("invalid_request", "grant_type is missing")
        grant = GRANTS.get(form["grant_type"])
        if grant is None:
            raise OAuthError("unsupported_grant_type", f"use {', '.join(sorted(GRANTS))}")
        return await answer_grant(parts, await grant(request, parts, form))
    except OAuthError as error:
        return error.render()


@router.post("/oauth/revoke", openapi_extra=_REVOKE_REQUEST)
async def revoke_token(request: Request, parts: PartsOf) -> Response:
    """Log out: the session of this refresh or access token ends, and every token of it within five seconds."""
    try:
        form = await read_form(request)
        if not form.get("token"):
            raise OAuthError("invalid_request", "token is missing")
        await _end_session_of(parts, form["token"])
    except OAuthError as error:
        return error.render()
    return JsonAnswer({}, 200, {"cache-control": "no-store"})


@router.get("/.well-known/oauth-authorization-server")
async def get_server_metadata(parts: PartsOf) -> Response:
    """RFC 8414 metadata of the built-in issuer."""
    base = parts.issuer.issuer
    metadata = AuthorizationServerMetadata(
        {
            "issuer": base,
            "token_endpoint": f"{base}/oauth/token",
            "revocation_endpoint": f"{base}/oauth/revoke",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "grant_types_supported": sorted(GRANTS),
            "response_types_supported": ["token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "revocation_endpoint_auth_methods_supported": ["none"],
        }
    )
    return JsonAnswer(dict(metadata))


@router.get("/.well-known/jwks.json")
async def get_jwks(parts: PartsOf) -> Response:
    """The public keys that tokens are signed with, and the next one some time before it signs."""
    await parts.issuer.refresh()
    return JsonAnswer(parts.issuer.publish_keys(), 200, {"cache-control": "max-age=300"})


async def _end_session_of(parts: Parts, token: str) -> None:
    """RFC 7009: a token that is no token any more is revoked already."""
    found = await find_refresh_token(parts, token)
    if found is not None:
        agency_id, session_id = found.agency_id, found.session_id
    else:
        try:
            claims = await parts.issuer.read(token)
        except Unauthenticated:
            return
        agency_id, session_id = claims.agency_id, claims.session_id
    if session_id is not None:
        async with parts.database.transaction(Scope(agency_id)) as session:
            await end_sessions(session, agency_id, [session_id], "logout", show_id("ses", session_id))
