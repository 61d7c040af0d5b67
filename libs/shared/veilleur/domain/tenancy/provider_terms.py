"""What an agency pins of an identity provider, and what can't be pinned. Pure."""

from dataclasses import dataclass, field

from veilleur.domain.tenancy.bearer import ALGORITHMS
from veilleur.infra.outbound.egress import EgressPolicy, check_callback_url
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class ProviderTerms:
    """All of a provider but its secret."""

    name: str
    issuer: str
    algorithms: tuple[str, ...]
    audience: str | None = None
    jwks_uri: str | None = None
    role_claim: str | None = None
    role_map: dict[str, str] = field(default_factory=dict)
    login_client_id: str | None = None


def check_terms(terms: ProviderTerms, egress: EgressPolicy, own_issuer: str, *, has_secret: bool) -> list[InputError]:
    """Everything that can't be, at once."""
    errors = _check_url(terms.issuer, egress, "/issuer")
    if terms.jwks_uri is not None:
        errors += _check_url(terms.jwks_uri, egress, "/jwks_uri")
    if terms.issuer == own_issuer or "?" in terms.issuer or "#" in terms.issuer:
        errors.append(InputError("/issuer", msg("this can't be the issuer of somebody else's tokens")))
    allowed = msg("use one of {allowed}", allowed=", ".join(ALGORITHMS))
    errors += [
        InputError(f"/algorithms/{place}", msg("this is no algorithm for keys that are public"), allowed)
        for place, algorithm in enumerate(terms.algorithms)
        if algorithm not in ALGORITHMS
    ]
    return errors + _check_use(terms, has_secret=has_secret)


def _check_url(url: str, egress: EgressPolicy, pointer: str) -> list[InputError]:
    try:
        check_callback_url(url, egress, pointer)
    except Invalid as invalid:
        return list(invalid.errors)
    return []


def _check_use(terms: ProviderTerms, *, has_secret: bool) -> list[InputError]:
    errors = []
    if terms.audience is None and terms.login_client_id is None:
        detail = msg("give an audience, a login_client_id, or both: without them the provider is of no use")
        errors.append(InputError("/audience", detail))
    elif terms.audience == terms.login_client_id:
        detail = msg("ID tokens have the client id as audience: they would pass for access tokens")
        errors.append(InputError("/audience", detail, msg("register an API of its own with the provider")))
    if has_secret and terms.login_client_id is None:
        errors.append(InputError("/login_secret", msg("a secret needs its login_client_id")))
    return errors
