"""The built-in token issuer: ES256, keys in the database with the private half sealed, public halves published.

Access tokens follow RFC 9068 (`at+jwt`): `iss`, `aud`, `sub` (a member's or credential's shown id), `agc`, `iat`,
`exp`, `jti`; a client's token also has `cli` and `scope`, a member's `sid`, the log-in it came of.

Several keys are good at once: one is published before it signs and stays good after another took over, so that a
rotation refuses nobody (`rotate_signing_key`). What other processes do to the keys is seen within five seconds.
"""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import func, insert, or_, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.tenancy.bearer import LONGEST_LIFE_S, check_signature, read_token
from veilleur.domain.tenancy.models import IssuerKey
from veilleur.infra.db.session import NOBODY, Database
from veilleur.infra.security.sealing import SealBroken, Sealer
from veilleur.kernel.clock import now
from veilleur.kernel.errors import Unauthenticated
from veilleur.kernel.ids import new_id, parse_id, show_id
from veilleur.kernel.messages import msg

AUDIENCE = "veilleur"
ALGORITHMS = ["ES256"]
LEEWAY_S = 30
LOOK_AGAIN_S = 5.0

_FIRST_KEY_LOCK = 0x6B657973

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a good token says. `client_id` and `scopes` are those of a client's credential, `session_id` that of a
    member's log-in; with a `break_glass_id` it is the operator who looks in.
    """

    agency_id: UUID
    member_id: UUID | None = None
    session_id: UUID | None = None
    break_glass_id: UUID | None = None
    credential_id: UUID | None = None
    client_id: UUID | None = None
    scopes: frozenset[str] = frozenset()


class Issuer:
    """Signs and reads access tokens of one installation."""

    def __init__(self, database: Database, sealer: Sealer, issuer: str) -> None:
        self._database = database
        self._sealer = sealer
        self.issuer = issuer
        self._signing: ECKey | None = None
        self._public = KeySet([])
        self._looked_at = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def load_keys(self) -> None:
        """Read the keys; the first process of an installation makes the first one."""
        async with self._database.transaction(NOBODY) as session:
            await session.execute(text(f"SELECT pg_advisory_xact_lock({_FIRST_KEY_LOCK})"))
            if not (await session.scalars(_LIVE)).all():
                await session.execute(insert(IssuerKey).values(new_signing_key(self._sealer)))
        await self._read_keys()

    async def refresh(self) -> None:
        """See what became of the keys, unless that was looked at just now; those at hand stay when nobody answers."""
        if time.monotonic() - self._looked_at < LOOK_AGAIN_S:
            return
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_again())
        await asyncio.shield(self._looking)

    async def _look_again(self) -> None:
        try:
            async with asyncio.timeout(LOOK_AGAIN_S):
                await self._read_keys()
        except Exception as error:  # noqa: BLE001 - the database may be away; the keys at hand are still good
            _log.warning("issuer_keys_not_read", error=type(error).__name__)
            self._looked_at = time.monotonic()
        finally:
            self._looking = None

    async def _read_keys(self) -> None:
        async with self._database.transaction(NOBODY) as session:
            rows = (await session.scalars(_LIVE)).all()
            present = (await session.execute(select(func.app_now()))).scalar_one()
        newest = ([row for row in rows if row.signs_from <= present] or rows[:1])[-1]
        self._signing = ECKey.import_key(json.loads(self._sealer.open(newest.sealed, _key_aad(newest.kid))))
        self._public = KeySet([ECKey.import_key(row.public_jwk) for row in rows])
        self._looked_at = time.monotonic()

    def publish_keys(self) -> dict[str, Any]:
        """The JWKS document."""
        return {"keys": [key.as_dict(private=False) for key in self._public.keys]}

    def issue(self, claims: TokenClaims, lifetime: timedelta) -> str:
        key = self._require_key()
        issued_at = now()
        payload: dict[str, Any] = {
            "iss": self.issuer,
            "aud": AUDIENCE,
            "sub": _subject(claims),
            "agc": show_id("agc", claims.agency_id),
            "iat": int(issued_at.timestamp()),
            "exp": int((issued_at + lifetime).timestamp()),
            "jti": str(new_id()),
        }
        if claims.session_id is not None:
            payload["sid"] = show_id("ses", claims.session_id)
        if claims.client_id is not None:
            payload |= {"cli": show_id("cli", claims.client_id), "scope": " ".join(sorted(claims.scopes))}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, payload, key, algorithms=ALGORITHMS)

    async def read(self, token: str) -> TokenClaims:
        """The claims of a token that holds; otherwise `Unauthenticated`, without telling why."""
        await self.refresh()
        found = read_token(token)
        check_signature(token, found, self._public, ALGORITHMS)
        if found.header.get("typ") not in ("at+jwt", "application/at+jwt"):
            raise _refusal()
        try:
            _check_times(found.claims, self.issuer, now())
            return _read_claims(found.claims)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise _refusal() from None

    def _require_key(self) -> ECKey:
        if self._signing is None:
            message = "the issuer's keys are not loaded"
            raise RuntimeError(message)
        return self._signing


def new_signing_key(sealer: Sealer) -> dict[str, Any]:
    """The values of a new `IssuerKey`, its private half sealed; `kid` is its RFC 7638 thumbprint."""
    key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
    private = json.dumps(key.as_dict(private=True)).encode()
    return {
        "kid": key.kid,
        "public_jwk": key.as_dict(private=False),
        "sealed": sealer.seal(private, _key_aad(str(key.kid))),
    }


_LIVE = (
    select(IssuerKey)
    .where(or_(IssuerKey.retired_at.is_(None), IssuerKey.retired_at > func.app_now()))
    .order_by(IssuerKey.signs_from, IssuerKey.kid)
)


async def opens_keys(session: AsyncSession, sealer: Sealer) -> bool:
    """Whether this process's master key opens the newest key that signs tokens, and there is one."""
    rows = (await session.scalars(_LIVE)).all()
    if not rows:
        return False
    try:
        sealer.open(rows[-1].sealed, _key_aad(rows[-1].kid))
    except SealBroken:
        return False
    return True


def _key_aad(kid: str) -> str:
    return f"issuer_keys|{kid}"


def _subject(claims: TokenClaims) -> str:
    if claims.member_id is not None:
        return show_id("mem", claims.member_id)
    if claims.credential_id is not None:
        return show_id("key", claims.credential_id)
    if claims.break_glass_id is not None:
        return show_id("bgl", claims.break_glass_id)
    message = "a token speaks for a member, a credential or the operator"
    raise ValueError(message)


def _check_times(claims: Mapping[str, Any], issuer: str, at: datetime) -> None:
    expires, issued = claims["exp"], claims["iat"]
    present = at.timestamp()
    if type(expires) is not int or type(issued) is not int:
        raise _refusal()
    if expires + LEEWAY_S < present or issued - LEEWAY_S > present or expires - issued > LONGEST_LIFE_S:
        raise _refusal()
    if claims["iss"] != issuer or claims["aud"] != AUDIENCE:
        raise _refusal()


def _read_claims(claims: Mapping[str, Any]) -> TokenClaims:
    agency_id, subject = parse_id("agc", claims["agc"]), claims["sub"]
    member_id, credential_id, glass_id = (parse_id(prefix, subject) for prefix in ("mem", "key", "bgl"))
    if agency_id is None or (member_id is None and credential_id is None and glass_id is None):
        raise _refusal()
    client_id = parse_id("cli", claims["cli"]) if "cli" in claims else None
    session_id = parse_id("ses", claims["sid"]) if "sid" in claims else None
    if (credential_id is None) != (client_id is None) or ("sid" in claims and None in (session_id, member_id)):
        raise _refusal()
    scopes = frozenset(str(claims.get("scope", "")).split())
    return TokenClaims(agency_id, member_id, session_id, glass_id, credential_id, client_id, scopes)


def _refusal() -> Unauthenticated:
    return Unauthenticated(msg("The token does not hold: it is unknown, expired or not for this service"))
