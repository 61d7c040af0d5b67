"""OAuth 2.0 access tokens that run out, and the refresh tokens that bring new ones (RFC 6749, section 6).

Some platforms give another refresh token each time and forget the old one: what comes back has to be kept.
"""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx

from veilleur.infra.outbound.http import Call, Reply, send_capped
from veilleur.infra.outbound.steps import EACH_S, Steps, drive

T = TypeVar("T")

MARGIN_S = 60
"""A token is renewed this long before its end."""


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Where a platform renews tokens; `basic`: the client proves itself in a header instead of the body."""

    url: str
    basic: bool = False


class RenewalError(Exception):
    """No new token: `refused` when the refresh token is worth nothing any more, else it may work later."""

    def __init__(self, *, refused: bool) -> None:
        super().__init__("refused" if refused else "unavailable")
        self.refused = refused


def is_stale(credentials: Mapping[str, Any], present: datetime) -> bool:
    """Whether there is no access token, or one that ends within `MARGIN_S`; one that names no end is taken as good."""
    ends_at = credentials.get("expires_at")
    if not credentials.get("access_token"):
        return True
    return ends_at is not None and float(ends_at) - MARGIN_S <= present.timestamp()


def ask_token(endpoint: TokenEndpoint, credentials: Mapping[str, Any]) -> Call:
    identity = {"client_id": str(credentials["client_id"]), "client_secret": str(credentials["client_secret"])}
    form = {"grant_type": "refresh_token", "refresh_token": str(credentials["refresh_token"])}
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    if endpoint.basic:
        pair = ":".join(quote(part, safe="") for part in identity.values())
        headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        form |= identity
    return Call("POST", endpoint.url, headers, urlencode(form).encode())


def read_token(credentials: Mapping[str, Any], reply: Reply, present: datetime) -> dict[str, Any]:
    """The credentials with what came; raises `RenewalError`."""
    if reply.status != 200:
        raise RenewalError(refused=reply.status in (400, 401, 403))
    try:
        answer = json.loads(reply.body)
        token, lasts_s = answer["access_token"], answer.get("expires_in")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise RenewalError(refused=False) from None
    renewed = dict(credentials) | {"access_token": str(token)}
    renewed["expires_at"] = present.timestamp() + lasts_s if isinstance(lasts_s, int | float) else None
    if isinstance(answer.get("refresh_token"), str):
        renewed["refresh_token"] = answer["refresh_token"]
    return renewed


@dataclass(slots=True)
class Vault:
    """Credentials in use; renewed ones are kept by `keep` at once, before anything else can fail."""

    credentials: dict[str, Any]
    tokens: TokenEndpoint | None
    keep: Callable[[dict[str, Any]], Awaitable[None]]

    async def renew(self, client: httpx.AsyncClient, present: datetime, total_s: float) -> None:
        """Raises `RenewalError`, and `OutboundError` when nobody answers."""
        if self.tokens is None:
            raise RenewalError(refused=True)
        reply = await send_capped(client, ask_token(self.tokens, self.credentials), min(EACH_S, total_s))
        self.credentials = read_token(self.credentials, reply, present)
        await self.keep(self.credentials)


async def converse(
    client: httpx.AsyncClient,
    vault: Vault,
    begin: Callable[[Mapping[str, Any]], Steps[T]],
    is_denied: Callable[[T], bool],
    present: datetime,
    total_s: float,
) -> T:
    """A conversation with a valid access token; where the platform denies it all the same, once more with a new one.

    Raises `RenewalError` and `OutboundError`; each part takes `total_s` seconds at most.
    """
    fresh = vault.tokens is None
    if vault.tokens is not None and is_stale(vault.credentials, present):
        await vault.renew(client, present, total_s)
        fresh = True
    result = await drive(client, begin(vault.credentials), total_s)
    if fresh or not is_denied(result):
        return result
    await vault.renew(client, present, total_s)
    return await drive(client, begin(vault.credentials), total_s)
