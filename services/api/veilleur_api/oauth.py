"""Tokens: `POST /oauth/token` (RFC 6749 errors, form-encoded), metadata (RFC 8414) and public keys (RFC 7517)."""

import base64
import binascii
from datetime import timedelta
from typing import Any
from uuid import UUID

from authlib.oauth2.rfc8414 import AuthorizationServerMetadata
from fastapi import APIRouter, Request
from sqlalchemy import func, text, update
from starlette.exceptions import HTTPException
from starlette.responses import Response

from veilleur.domain.tenancy.issuer import TokenClaims
from veilleur.domain.tenancy.models import LoginCode
from veilleur.infra.db.session import NOBODY, Scope
from veilleur.infra.security.api_keys import hash_secret
from veilleur.kernel.errors import TooLarge, Unsupported
from veilleur.kernel.ids import parse_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import PartsOf
from veilleur_api.guard import read_body
from veilleur_api.parts import Parts

LOGIN_CODE = "urn:veilleur:grant-type:login-code"
CLIENT_CREDENTIALS = "client_credentials"
FORM_BODY = 8_192

router = APIRouter(tags=["tokens"])


class _OAuthError(Exception):
    """An error of RFC 6749, 5.2."""

    def __init__(self, code: str, description: str, status: int = 400) -> None:
        super().__init__(code)
        self.code, self.description, self.status = code, description, status


_REQUEST = {
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"enum": [CLIENT_CREDENTIALS, LOGIN_CODE]},
                        "client_id": {"type": "string"},
                        "client_secret": {"type": "string"},
                        "scope": {"type": "string"},
                        "code": {"type": "string", "description": "a member's login code"},
                    },
                }
            }
        },
    }
}


@router.post("/oauth/token", openapi_extra=_REQUEST)
async def issue_token(request: Request, parts: PartsOf) -> Response:
    """Trade client credentials or a member's login code for a bearer token."""
    try:
        form = await _read_form(request)
        if form.get("grant_type") == CLIENT_CREDENTIALS:
            claims = await _client_claims(request, parts, form)
        elif form.get("grant_type") == LOGIN_CODE:
            claims = await _member_claims(parts, form)
        elif "grant_type" not in form:
            raise _OAuthError("invalid_request", "grant_type is missing")
        else:
            raise _OAuthError("unsupported_grant_type", f"use {CLIENT_CREDENTIALS} or {LOGIN_CODE}")
    except _OAuthError as error:
        headers = {"cache-control": "no-store"} | ({"www-authenticate": "Basic"} if error.status == 401 else {})
        return JsonAnswer({"error": error.code, "error_description": error.description}, error.status, headers)
    lifetime = timedelta(seconds=parts.settings.token_lifetime_s)
    answer: dict[str, Any] = {
        "access_token": parts.issuer.issue(claims, lifetime),
        "token_type": "Bearer",
        "expires_in": parts.settings.token_lifetime_s,
    }
    if claims.scopes:
        answer["scope"] = " ".join(sorted(claims.scopes))
    return JsonAnswer(answer, 200, {"cache-control": "no-store"})


@router.get("/.well-known/oauth-authorization-server")
async def get_server_metadata(parts: PartsOf) -> Response:
    """RFC 8414 metadata of the built-in issuer."""
    base = parts.issuer.issuer
    metadata = AuthorizationServerMetadata(
        {
            "issuer": base,
            "token_endpoint": f"{base}/oauth/token",
            "jwks_uri": f"{base}/.well-known/jwks.json",
            "grant_types_supported": [CLIENT_CREDENTIALS, LOGIN_CODE],
            "response_types_supported": ["token"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        }
    )
    return JsonAnswer(dict(metadata))


@router.get("/.well-known/jwks.json")
async def get_jwks(parts: PartsOf) -> Response:
    """The public keys that tokens are signed with."""
    return JsonAnswer(parts.issuer.publish_keys(), 200, {"cache-control": "max-age=300"})


async def _read_form(request: Request) -> dict[str, str]:
    try:
        await read_body(request, FORM_BODY)
    except TooLarge:
        raise _OAuthError("invalid_request", "the form is too large", 413) from None
    except Unsupported:
        raise _OAuthError("invalid_request", "send the form as it is, without Content-Encoding", 415) from None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise _OAuthError("invalid_request", "send a form: Content-Type: application/x-www-form-urlencoded")
    try:
        form = await request.form()
    except HTTPException as error:
        raise _OAuthError("invalid_request", str(error.detail)) from None
    if len(form.multi_items()) != len(form):
        raise _OAuthError("invalid_request", "a parameter stands twice")
    return {name: value for name, value in form.items() if isinstance(value, str) and "\0" not in value}


async def _client_claims(request: Request, parts: Parts, form: dict[str, str]) -> TokenClaims:
    client_id, secret = _read_basic(request) or (form.get("client_id", ""), form.get("client_secret", ""))
    found = await parts.lookups.find_credential(hash_secret(secret))
    if found is None or found.kind != "oauth_client" or parse_id("key", client_id) != found.credential_id:
        raise _OAuthError("invalid_client", "unknown client or wrong secret", 401)
    wanted = frozenset(form.get("scope", "").split()) or found.scopes
    if not wanted <= found.scopes:
        raise _OAuthError("invalid_scope", f"allowed: {' '.join(sorted(found.scopes))}")
    return TokenClaims(found.agency_id, credential_id=found.credential_id, client_id=found.client_id, scopes=wanted)


async def _member_claims(parts: Parts, form: dict[str, str]) -> TokenClaims:
    async with parts.database.transaction(NOBODY) as session:
        query = text("SELECT * FROM find_login_code(:wanted)")
        found = (await session.execute(query, {"wanted": hash_secret(form.get("code", ""))})).one_or_none()
    if found is None or not await _use_code(parts, found.agency_id, found.id):
        raise _OAuthError("invalid_grant", "the code is unknown, used or expired")
    return TokenClaims(found.agency_id, member_id=found.member_id)


async def _use_code(parts: Parts, agency_id: UUID, code_id: UUID) -> bool:
    """A code works once, also when it is sent twice at the same moment."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        used = await session.execute(
            update(LoginCode)
            .where(LoginCode.agency_id == agency_id, LoginCode.id == code_id, LoginCode.used_at.is_(None))
            .values(used_at=func.app_now())
            .returning(LoginCode.id)
        )
        return used.one_or_none() is not None


def _read_basic(request: Request) -> tuple[str, str] | None:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return client_id, secret
