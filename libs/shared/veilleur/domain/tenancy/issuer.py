"""The built-in token issuer: ES256, keys in the database with the private half sealed, public halves published.

Access tokens follow RFC 9068 (`at+jwt`): `iss`, `aud`, `sub` (a member's or credential's shown id), `agc`, `iat`,
`exp`, `jti`; a client's token also has `cli` and `scope`.
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet
from sqlalchemy import insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession

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
MAX_TOKEN = 8_192

_FIRST_KEY_LOCK = 0x6B657973


@dataclass(frozen=True, slots=True)
class TokenClaims:
    """What a good token says. `client_id` and `scopes` are those of a client's credential."""

    agency_id: UUID
    member_id: UUID | None = None
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

    async def load_keys(self) -> None:
        """Read the keys; the first process of an installation makes the first one."""
        async with self._database.transaction(NOBODY) as session:
            await session.execute(text(f"SELECT pg_advisory_xact_lock({_FIRST_KEY_LOCK})"))
            live = select(IssuerKey).where(IssuerKey.retired_at.is_(None)).order_by(IssuerKey.created_at, IssuerKey.kid)
            rows = (await session.scalars(live)).all()
            if not rows:
                await session.execute(insert(IssuerKey).values(self._new_key()))
                rows = (await session.scalars(live)).all()
        self._public = KeySet([ECKey.import_key(row.public_jwk) for row in rows])
        newest = rows[-1]
        self._signing = ECKey.import_key(json.loads(self._sealer.open(newest.sealed, _key_aad(newest.kid))))

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
        if claims.client_id is not None:
            payload |= {"cli": show_id("cli", claims.client_id), "scope": " ".join(sorted(claims.scopes))}
        return jwt.encode({"alg": "ES256", "typ": "at+jwt", "kid": key.kid}, payload, key, algorithms=ALGORITHMS)

    def read(self, token: str) -> TokenClaims:
        """The claims of a token that holds; otherwise `Unauthenticated`, without telling why."""
        if len(token) > MAX_TOKEN:
            raise _refusal()
        try:
            decoded = jwt.decode(token, self._public, algorithms=ALGORITHMS)
            if decoded.header.get("typ") not in ("at+jwt", "application/at+jwt"):
                raise _refusal()
            _check_times(decoded.claims, self.issuer, now())
            return _read_claims(decoded.claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            raise _refusal() from None

    def _new_key(self) -> dict[str, Any]:
        key = ECKey.generate_key("P-256", {"use": "sig", "alg": "ES256"}, auto_kid=True)
        private = json.dumps(key.as_dict(private=True)).encode()
        return {
            "kid": key.kid,
            "public_jwk": key.as_dict(private=False),
            "sealed": self._sealer.seal(private, _key_aad(str(key.kid))),
        }

    def _require_key(self) -> ECKey:
        if self._signing is None:
            message = "the issuer's keys are not loaded"
            raise RuntimeError(message)
        return self._signing


async def opens_keys(session: AsyncSession, sealer: Sealer) -> bool:
    """Whether this process's master key opens the newest key that signs tokens, and there is one."""
    live = select(IssuerKey.kid, IssuerKey.sealed).where(IssuerKey.retired_at.is_(None))
    row = (
        await session.execute(live.order_by(IssuerKey.created_at.desc(), IssuerKey.kid.desc()).limit(1))
    ).one_or_none()
    if row is None:
        return False
    try:
        sealer.open(row.sealed, _key_aad(row.kid))
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
    message = "a token speaks for a member or a credential"
    raise ValueError(message)


def _check_times(claims: dict[str, Any], issuer: str, at: datetime) -> None:
    expires, issued = claims["exp"], claims["iat"]
    present = at.timestamp()
    if type(expires) is not int or type(issued) is not int:
        raise _refusal()
    if expires + LEEWAY_S < present or issued - LEEWAY_S > present:
        raise _refusal()
    if claims["iss"] != issuer or claims["aud"] != AUDIENCE:
        raise _refusal()


def _read_claims(claims: dict[str, Any]) -> TokenClaims:
    agency_id = parse_id("agc", claims["agc"])
    member_id, credential_id = parse_id("mem", claims["sub"]), parse_id("key", claims["sub"])
    if agency_id is None or (member_id is None and credential_id is None):
        raise _refusal()
    client_id = parse_id("cli", claims["cli"]) if "cli" in claims else None
    if (credential_id is None) != (client_id is None):
        raise _refusal()
    scopes = frozenset(str(claims.get("scope", "")).split())
    return TokenClaims(agency_id, member_id, credential_id, client_id, scopes)


def _refusal() -> Unauthenticated:
    return Unauthenticated(msg("The token does not hold: it is unknown, expired or not for this service"))
