"""What identity providers publish: their metadata and their keys, kept so that they are asked seldom.

An answer is good for an hour and is renewed behind the callers' backs; while a provider is down its last answer serves
for a day. An unknown `kid` makes us look again, once a minute at most, so that made-up ones cost the provider nothing.
Callers that need the same answer share one call. Calls go through the guarded client: bounded in time and size, no
redirects, no private addresses.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import structlog
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, OKPKey, RSAKey

from veilleur.infra.outbound.dial import OutboundError
from veilleur.infra.outbound.http import BODY_CAP, get_capped
from veilleur.kernel.errors import Problem, Unavailable
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import strict_loads

FRESH_S = 3_600.0
STALE_S = 86_400.0
AGAIN_S = 60.0
"""The shortest time between two calls to one address."""
CALL_S = 5.0
MOST_KEYS = 64
MOST_KEPT = 1_000
SHORTEST_MODULUS = 342
"""2048 bits in base64url. The library would read a shorter one with a warning only."""

METADATA_PATH = "/.well-known/openid-configuration"

_TYPES: Mapping[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Kept:
    """The last good answer of an address, and when it was asked last, whatever came of it."""

    document: dict[str, Any] | None = None
    good_since: float = 0.0
    asked_at: float = float("-inf")
    asking: asyncio.Task[None] | None = None
    keys: tuple[float, KeySet] | None = None
    """The document's, with the moment it came."""


class KeyShelf:
    """The providers' documents as one process keeps them."""

    def __init__(self, http: httpx.AsyncClient, clock: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._clock = clock
        self._kept: dict[str, _Kept] = {}
        """What was asked for last stands last."""

    async def find_keys(self, jwks_uri: str, kid: object) -> KeySet:
        """The keys of an address, with `kid` among them where it has it. Raises `Unavailable`."""
        kept = await self._read(jwks_uri)
        keys = _read_kept(kept)
        if isinstance(kid, str) and all(key.kid != kid for key in keys):
            await self._ask(jwks_uri, kept)
            keys = _read_kept(kept)
        return keys

    async def read_metadata(self, issuer: str) -> dict[str, Any]:
        """The OpenID Connect metadata of `issuer`, which must say that they are its own. Raises `Unavailable`."""
        document = (await self._read(issuer.removesuffix("/") + METADATA_PATH)).document or {}
        if document.get("issuer") != issuer:
            raise Unavailable(msg("The identity provider's metadata name another issuer"), retry_after=60)
        return document

    async def _read(self, url: str) -> _Kept:
        kept = self._keep(url)
        age = self._clock() - kept.good_since if kept.document is not None else None
        if age is None or age > STALE_S:
            await self._ask(url, kept)
        elif age > FRESH_S:
            self._begin(url, kept)
        if kept.document is None or self._clock() - kept.good_since > STALE_S:
            raise Unavailable(msg("The identity provider does not answer; try again"), retry_after=int(AGAIN_S))
        return kept

    def _keep(self, url: str) -> _Kept:
        """The place of an address; what was not asked for longest makes room, whoever names new ones.

        Who still waits for an answer has its place in hand: forgetting it here takes nothing from them.
        """
        kept = self._kept[url] = self._kept.pop(url, _Kept())
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return kept

    async def _ask(self, url: str, kept: _Kept) -> None:
        asking = self._begin(url, kept)
        if asking is not None:
            await asyncio.shield(asking)

    def _begin(self, url: str, kept: _Kept) -> asyncio.Task[None] | None:
        """The call that is under way, begun if there is none and the last was long enough ago."""
        if kept.asking is None and self._clock() - kept.asked_at >= AGAIN_S:
            kept.asked_at = self._clock()
            kept.asking = asyncio.create_task(self._call(url, kept))
        return kept.asking

    async def _call(self, url: str, kept: _Kept) -> None:
        try:
            kept.document = await self._get(url)
            kept.good_since = self._clock()
        except (OutboundError, Problem) as error:
            _log.warning("identity_provider_unreadable", url=url, error=type(error).__name__)
        finally:
            kept.asking = None

    async def _get(self, url: str) -> dict[str, Any]:
        reply = await get_capped(self._http, url, {"accept": "application/json"}, CALL_S, BODY_CAP + 1)
        if reply.status != 200 or len(reply.body) > BODY_CAP:
            raise OutboundError("protocol")
        document = strict_loads(reply.body)
        if not isinstance(document, dict):
            raise OutboundError("protocol")
        return document


def read_keys(document: Mapping[str, Any]) -> KeySet:
    """The public signing keys of a JWKS; what is private, symmetric, weak, for encryption or unreadable is left out."""
    listed = document.get("keys")
    found = [_read_key(one) for one in (listed[:MOST_KEYS] if isinstance(listed, list) else [])]
    return KeySet([key for key in found if key is not None])


def _read_kept(kept: _Kept) -> KeySet:
    """The readable ones, read once for each answer."""
    if kept.keys is None or kept.keys[0] != kept.good_since:
        kept.keys = (kept.good_since, read_keys(kept.document or {}))
    return kept.keys[1]


def _read_key(value: object) -> RSAKey | ECKey | OKPKey | None:
    if not isinstance(value, dict) or value.get("use", "sig") != "sig" or "d" in value:
        return None
    kind = _TYPES.get(str(value.get("kty")))
    if kind is None or not isinstance(value.get("kid", ""), str):
        return None
    if kind is RSAKey and len(str(value.get("n"))) < SHORTEST_MODULUS:
        return None
    try:
        return kind.import_key({name: one for name, one in value.items() if name in _MEMBERS})
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        return None


_MEMBERS = ("kty", "kid", "use", "alg", "n", "e", "crv", "x", "y")
"""What a verifier needs; certificates and whatever else stands in a JWK is not looked at."""
