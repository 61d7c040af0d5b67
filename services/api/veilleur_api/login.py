"""Logging in at an identity provider: the authorization code flow with PKCE, in two steps.

The grammar of the protocol (the authorization URL, the code challenge, the token request, the ID token's `nonce`,
`azp` and `at_hash`) is authlib's. The network and the trust are ours: every call goes through the guarded client,
algorithms are those the agency pinned and never those the provider's metadata list, and the issuer is always compared.

What the second step needs to know is in a sealed cookie: nothing is stored before somebody has proven who they are,
and a callback without the browser that began it leads nowhere (login CSRF). Each provider has a callback address of
its own, so that one's answer can't be passed off as another's (mix-up, RFC 9700).
"""

import base64
import binascii
import hmac
import json
import re
import secrets
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from urllib.parse import quote_plus
from uuid import UUID

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri, prepare_token_request
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from authlib.oidc.core import CodeIDToken
from fastapi import APIRouter, Query, Request
from joserfc.errors import JoseError
from starlette.responses import Response

from veilleur.domain.tenancy.bearer import Subject
from veilleur.domain.tenancy.connect_provider import find_linked, link_identity
from veilleur.domain.tenancy.log_in import LoggedIn, Voucher, open_session, use_login_code
from veilleur.domain.tenancy.lookup import FoundProvider
from veilleur.infra.db.session import Scope
from veilleur.infra.outbound.dial import OutboundError
from veilleur.infra.outbound.egress import check_callback_url
from veilleur.infra.outbound.http import post_capped
from veilleur.infra.security.sealing import SealBroken
from veilleur.kernel.clock import now
from veilleur.kernel.errors import Forbidden, NotFound, Problem, Unauthenticated, Unavailable
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import strict_loads
from veilleur_api.deps import PartsOf
from veilleur_api.grants import answer_grant, find_login_code, grant_member
from veilleur_api.parts import Parts

COOKIE = "veilleur_login"
WITHIN_S = 600
CALL_S = 10.0

router = APIRouter(tags=["tokens"])

_WORD = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class _Begun:
    """What the browser keeps for us, sealed."""

    state: str
    nonce: str
    verifier: str
    until: float
    code: str | None


@router.get("/oauth/login/{provider_id}", status_code=303)
async def begin_login(
    provider_id: str, parts: PartsOf, code: Annotated[str | None, Query(max_length=64)] = None
) -> Response:
    """Send the browser to the provider. A `code` (a member's login code) links who comes back to that member."""
    provider = await _find_provider(parts, provider_id)
    metadata = await parts.identities.shelf.read_metadata(provider.terms.issuer)
    begun = _Begun(
        state=secrets.token_urlsafe(32),
        nonce=secrets.token_urlsafe(32),
        verifier=secrets.token_urlsafe(48),
        until=now().timestamp() + WITHIN_S,
        code=code,
    )
    location = prepare_grant_uri(
        _read_endpoint(parts, metadata, "authorization_endpoint"),
        provider.login_client_id,
        "code",
        redirect_uri=_callback(parts, provider),
        scope="openid",
        state=begun.state,
        nonce=begun.nonce,
        code_challenge=create_s256_code_challenge(begun.verifier),
        code_challenge_method="S256",
    )
    answer = Response(status_code=303, headers={"location": location, "cache-control": "no-store"})
    _set_cookie(parts, answer, provider, _seal(parts, provider, begun), WITHIN_S)
    return answer


@router.get("/oauth/login/{provider_id}/callback")
async def finish_login(provider_id: str, request: Request, parts: PartsOf) -> Response:
    """Take the provider's answer: the same as `/oauth/token` gives, access and refresh token of a member."""
    provider = await _find_provider(parts, provider_id)
    begun = _open(parts, provider, request.cookies.get(COOKIE, ""))
    redeemed = await _redeem(parts, provider, begun, _read_answer(request, provider, begun))
    subject = await _read_subject(parts, provider, begun, redeemed)
    answer = await answer_grant(parts, grant_member(await _enter(parts, provider, subject, begun.code)))
    _set_cookie(parts, answer, provider, "", 0)
    return answer


async def _find_provider(parts: Parts, shown: str) -> FoundProvider:
    provider = await parts.lookups.find_login_provider(read_id("idp", shown))
    if provider is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return provider


def _read_answer(request: Request, provider: FoundProvider, begun: _Begun) -> str:
    """The code that the provider gave the browser."""
    given = request.query_params
    if not hmac.compare_digest(given.get("state", "").encode(), begun.state.encode()):
        raise _failed(msg("This answer belongs to no log-in that was begun here"))
    if given.get("iss", provider.terms.issuer) != provider.terms.issuer:
        raise _failed(msg("This answer comes from another identity provider"))
    if "error" in given:
        word = given["error"] if _WORD.fullmatch(given["error"]) else "error"
        raise _failed(msg("The identity provider refused: {error}", error=word))
    code = given.get("code", "")
    if not 1 <= len(code) <= 4_096 or not code.isprintable():
        raise _failed(msg("The identity provider's answer holds no code"))
    return code


async def _redeem(parts: Parts, provider: FoundProvider, begun: _Begun, code: str) -> dict[str, Any]:
    """The tokens behind a code."""
    metadata = await parts.identities.shelf.read_metadata(provider.terms.issuer)
    client_id = provider.login_client_id or ""
    form = {"code": code, "redirect_uri": _callback(parts, provider), "code_verifier": begun.verifier}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    if provider.login_secret is None:
        form["client_id"] = client_id
    else:
        pair = f"{quote_plus(client_id)}:{quote_plus(provider.login_secret)}"
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    body = prepare_token_request("authorization_code", **form)
    try:
        reply = await post_capped(
            parts.http, _read_endpoint(parts, metadata, "token_endpoint"), body.encode(), headers, CALL_S
        )
    except OutboundError:
        raise Unavailable(msg("The identity provider does not answer; try again"), retry_after=5) from None
    if reply.status >= 500:
        raise Unavailable(msg("The identity provider does not answer; try again"), retry_after=5)
    try:
        tokens = strict_loads(reply.body)
    except Problem:
        tokens = None
    if reply.status != 200 or not isinstance(tokens, dict) or not isinstance(tokens.get("id_token"), str):
        raise _failed(msg("The identity provider gave no ID token for the code"))
    return tokens


async def _read_subject(parts: Parts, provider: FoundProvider, begun: _Begun, tokens: dict[str, Any]) -> Subject:
    try:
        unverified, subject = await parts.identities.read_identity(tokens["id_token"], provider)
        expected = {"nonce": begun.nonce, "client_id": provider.login_client_id}
        if isinstance(tokens.get("access_token"), str):
            expected["access_token"] = tokens["access_token"]
        CodeIDToken(dict(unverified.claims), dict(unverified.header), {}, expected).validate(
            now=int(now().timestamp()), leeway=60
        )
    except (Unauthenticated, JoseError, ValueError, TypeError, AttributeError):
        raise _failed(msg("The identity provider's ID token does not hold")) from None
    return subject


async def _enter(parts: Parts, provider: FoundProvider, subject: Subject, login_code: str | None) -> LoggedIn:
    """A session of the member who is linked, or whom the login code names."""
    agency_id = provider.agency_id
    invited = await find_login_code(parts, login_code) if login_code else None
    async with parts.database.transaction(Scope(agency_id)) as session:
        member_id = await find_linked(session, agency_id, provider.provider_id, subject.subject)
        if member_id is None and invited is not None and invited.agency_id == agency_id:
            member_id = await use_login_code(session, agency_id, invited.id)
            if member_id is not None:
                await link_identity(session, agency_id, provider.provider_id, subject.subject, member_id)
        if member_id is None:
            raise Forbidden(
                msg("This identity is not linked to a member: log in once with a login code"), slug="unlinked-identity"
            )
        logged_in = await open_session(session, agency_id, member_id, Voucher(provider.provider_id, subject.roles))
        if logged_in is None:
            raise _failed(msg("This member is no longer active"))
    return logged_in


def _read_endpoint(parts: Parts, metadata: dict[str, Any], name: str) -> str:
    """An address of the metadata that may be called, or sent to a browser."""
    url = metadata.get(name)
    try:
        shown = url if isinstance(url, str) and url.isascii() else ""
        check_callback_url(shown, parts.egress, f"/{name}")
    except Problem:
        raise Unavailable(
            msg("The identity provider's metadata name no usable {endpoint}", endpoint=name), retry_after=60
        ) from None
    return shown


def _callback(parts: Parts, provider: FoundProvider) -> str:
    return f"{parts.settings.issuer}/oauth/login/{show_id('idp', provider.provider_id)}/callback"


def _cookie_aad(provider_id: UUID) -> str:
    return f"login|{provider_id}"


def _seal(parts: Parts, provider: FoundProvider, begun: _Begun) -> str:
    sealed = parts.sealer.seal(json.dumps(asdict(begun)).encode(), _cookie_aad(provider.provider_id))
    return base64.urlsafe_b64encode(sealed).decode()


def _open(parts: Parts, provider: FoundProvider, cookie: str) -> _Begun:
    try:
        sealed = base64.b64decode(cookie.encode(), altchars=b"-_", validate=True)
        begun = _Begun(**json.loads(parts.sealer.open(sealed, _cookie_aad(provider.provider_id))))
    except (binascii.Error, SealBroken, ValueError):
        raise _failed(msg("This answer belongs to no log-in that was begun here")) from None
    if begun.until < now().timestamp():
        raise _failed(msg("The log-in took too long; begin again"))
    return begun


def _set_cookie(parts: Parts, answer: Response, provider: FoundProvider, value: str, seconds: int) -> None:
    answer.set_cookie(
        COOKIE,
        value,
        max_age=seconds,
        path=f"/oauth/login/{show_id('idp', provider.provider_id)}",
        secure=parts.settings.issuer.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def _failed(detail: Message) -> Forbidden:
    return Forbidden(detail, slug="login-failed")
