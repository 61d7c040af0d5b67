"""What a signed token must say before anybody believes it: the rules for bearers of identity providers. Pure.

A token is read twice: by our own strict reader, which refuses what two readers could understand differently
(duplicate claims, base64 with other spellings of the same bytes, five parts), and by the library that checks the
signature with the keys and algorithms an agency has pinned. Nothing in a token chooses its own rules: `alg` is compared
with the pinned list, `jwk`, `jku` and `x5u` are never followed.

RFC 7515, 7519, 8725 (best current practices), 9068 (access tokens); OpenID Connect Core 1.0 for ID tokens.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from veilleur.kernel.errors import Problem, Unauthenticated
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import strict_loads

ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Asymmetric ones: who can check a token must not be able to make one."""

LEEWAY_S = 30
LONGEST_LIFE_S = 86_400
MAX_TOKEN = 8_192
ACCESS_TYPES = frozenset({"at+jwt", "application/at+jwt", "jwt"})
_OF_OTHER_TOKENS = ("nonce", "at_hash", "c_hash", "events")
"""Claims that only ID and logout tokens have."""
_LONGEST_SUBJECT = 255


@dataclass(frozen=True, slots=True)
class Terms:
    """What an agency has pinned for one provider."""

    issuer: str
    algorithms: tuple[str, ...]
    role_claim: str | None = None
    role_map: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Unverified:
    """A token's parts as they are written; good for finding the issuer, and for nothing else before the check."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """Who a token speaks for; `roles` None where the provider has no say in them."""

    subject: str
    roles: frozenset[str] | None


def read_token(token: str) -> Unverified:
    """The parts of a compact JWS. Raises `Unauthenticated`."""
    if len(token) > MAX_TOKEN or token.count(".") != 2:
        _refuse()
    head, body, signature = token.split(".")
    header, claims = _read_object(_decode(head)), _read_object(_decode(body))
    _decode(signature)
    if not isinstance(header.get("alg"), str) or "crit" in header or "b64" in header:
        _refuse()
    return Unverified(header, claims)


def check_signature(token: str, unverified: Unverified, keys: KeySet, algorithms: Sequence[str]) -> None:
    """Whether one of `keys` signed it, with an algorithm of the list. Raises `Unauthenticated`."""
    if unverified.header["alg"] not in algorithms:
        _refuse()
    try:
        jws.deserialize_compact(token, keys, algorithms=list(algorithms))
    except (JoseError, ValueError, TypeError, KeyError, AttributeError):
        _refuse()


def judge_access(unverified: Unverified, terms: Terms, audience: str, now: datetime) -> Subject:
    """Who the bearer of an access token is. Raises `Unauthenticated`."""
    kind = unverified.header.get("typ")
    if not isinstance(kind, str) or kind.lower() not in ACCESS_TYPES:
        _refuse()
    claims = unverified.claims
    if any(name in claims for name in _OF_OTHER_TOKENS) or _says_other_kind(claims):
        _refuse()
    _check_registered(claims, terms.issuer, audience, now)
    return _read_subject(claims, terms)


def judge_identity(unverified: Unverified, terms: Terms, client_id: str, now: datetime) -> Subject:
    """Who logged in, by an ID token that was given to us directly; `nonce` is the caller's to compare."""
    kind = unverified.header.get("typ", "JWT")
    if not isinstance(kind, str) or kind.lower() != "jwt":
        _refuse()
    claims = unverified.claims
    _check_registered(claims, terms.issuer, client_id, now)
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if several else client_id) != client_id:
        _refuse()
    return _read_subject(claims, terms)


def read_roles(claims: Mapping[str, Any], path: str, role_map: Mapping[str, str]) -> frozenset[str]:
    """What the claim at `path` (`realm_access.roles`, or one name with dots in it) means in our words."""
    found: Any = claims.get(path)
    if found is None:
        found = claims
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
    named = found.split() if isinstance(found, str) else found if isinstance(found, list) else []
    return frozenset(role_map[name] for name in named if isinstance(name, str) and name in role_map)


def _read_subject(claims: Mapping[str, Any], terms: Terms) -> Subject:
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 1 <= len(subject) <= _LONGEST_SUBJECT:
        _refuse()
    roles = read_roles(claims, terms.role_claim, terms.role_map) if terms.role_claim is not None else None
    return Subject(subject, roles)


def _check_registered(claims: Mapping[str, Any], issuer: str, audience: str, now: datetime) -> None:
    if claims.get("iss") != issuer:
        _refuse()
    named = claims.get("aud")
    if audience not in ([named] if isinstance(named, str) else named if isinstance(named, list) else []):
        _refuse()
    present = now.timestamp()
    expires, issued = _read_time(claims, "exp"), _read_time(claims, "iat")
    if expires + LEEWAY_S < present or issued - LEEWAY_S > present or expires - issued > LONGEST_LIFE_S:
        _refuse()
    if "nbf" in claims and _read_time(claims, "nbf") - LEEWAY_S > present:
        _refuse()


def _read_time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        _refuse()
    return float(value)


def _says_other_kind(claims: Mapping[str, Any]) -> bool:
    """Keycloak writes the kind into `typ`, Cognito into `token_use`."""
    kind, use = claims.get("typ", "Bearer"), claims.get("token_use", "access")
    return kind not in ("Bearer", "at+jwt", "JWT") or use != "access"


def _decode(part: str) -> bytes:
    """Unpadded base64url in its one canonical spelling: spare bits are a second spelling of the same signature."""
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        _refuse()
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != part:
        _refuse()
    return raw


def _read_object(raw: bytes) -> dict[str, Any]:
    try:
        value = strict_loads(raw, max_depth=16, max_nodes=2_000)
    except Problem:
        _refuse()
    if not isinstance(value, dict):
        _refuse()
    return value


def _refuse() -> NoReturn:
    raise Unauthenticated(msg("The token does not hold: it is unknown, expired or not for this service"))
