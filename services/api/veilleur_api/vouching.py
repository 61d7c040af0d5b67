"""Tokens of identity providers: which agency trusts the issuer, whether the token holds, which member it is."""

from dataclasses import dataclass
from uuid import UUID

from veilleur.domain.tenancy.bearer import (
    Subject,
    Unverified,
    check_signature,
    judge_access,
    judge_identity,
    read_token,
)
from veilleur.domain.tenancy.lookup import FoundProvider, Lookups
from veilleur.infra.outbound.egress import LONGEST_URL
from veilleur.infra.security.jwks import KeyShelf
from veilleur.kernel.clock import now
from veilleur.kernel.errors import Forbidden, Unauthenticated, Unavailable
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Known:
    """A member, by the word of a provider; `roles` is what it leaves of theirs, None for all."""

    provider: FoundProvider
    member_id: UUID
    roles: frozenset[str] | None


class Identities:
    """Reads what providers sign."""

    def __init__(self, lookups: Lookups, shelf: KeyShelf) -> None:
        self._lookups = lookups
        self.shelf = shelf

    async def read_bearer(self, token: str, agency_id: UUID | None) -> Known:
        """The member an access token speaks for.

        One provider may serve several agencies, and one person may be a member of several: then `agency_id` says
        which is meant. Raises `Unauthenticated`; `Forbidden` for somebody nobody has linked to a member.
        """
        unverified = read_token(token)
        trusting = [one for one in await self._find_trusting(unverified) if agency_id in (None, one.agency_id)]
        known = []
        verified = False
        for provider in trusting:
            subject = await self._try_access(token, unverified, provider)
            if subject is not None:
                verified = True
                member_id = await self._lookups.find_linked_member(provider, subject.subject)
                if member_id is not None:
                    known.append(Known(provider, member_id, subject.roles))
        if len(known) == 1:
            return known[0]
        if not verified:
            raise _refusal()
        if known:
            raise Forbidden(
                msg("You are a member of several agencies: name one in the header Veilleur-Agency"), slug="which-agency"
            )
        raise Forbidden(
            msg("This identity is not linked to a member: log in once with a login code"), slug="unlinked-identity"
        )

    async def read_foreign(self, token: str, agency_id: UUID) -> tuple[FoundProvider, Subject]:
        """Whom a token speaks for in this agency, linked or not."""
        unverified = read_token(token)
        for provider in await self._find_trusting(unverified):
            if provider.agency_id == agency_id:
                subject = await self._try_access(token, unverified, provider)
                if subject is not None:
                    return provider, subject
        raise _refusal()

    async def read_identity(self, token: str, provider: FoundProvider) -> tuple[Unverified, Subject]:
        """Whom an ID token speaks for that the provider's token endpoint gave us."""
        unverified = read_token(token)
        await self._check(token, unverified, provider)
        return unverified, judge_identity(unverified, provider.terms, provider.login_client_id or "", now())

    async def _find_trusting(self, unverified: Unverified) -> tuple[FoundProvider, ...]:
        """Who trusts the issuer that a token names; one too long to be an address is not even looked for."""
        issuer = str(unverified.claims.get("iss"))
        return await self._lookups.find_providers(issuer) if len(issuer) <= LONGEST_URL else ()

    async def _try_access(self, token: str, unverified: Unverified, provider: FoundProvider) -> Subject | None:
        """Agencies differ in audience and algorithms: what one refuses another may accept."""
        if provider.audience is None:
            return None
        try:
            # What costs nothing first: keys are asked for tokens only that are all right but for the signature.
            subject = judge_access(unverified, provider.terms, provider.audience, now())
            await self._check(token, unverified, provider)
        except Unauthenticated:
            return None
        return subject

    async def _check(self, token: str, unverified: Unverified, provider: FoundProvider) -> None:
        if unverified.header["alg"] not in provider.terms.algorithms:
            raise _refusal()
        keys = await self.shelf.find_keys(await self._find_jwks_uri(provider), unverified.header.get("kid"))
        check_signature(token, unverified, keys, provider.terms.algorithms)

    async def _find_jwks_uri(self, provider: FoundProvider) -> str:
        if provider.jwks_uri is not None:
            return provider.jwks_uri
        found = (await self.shelf.read_metadata(provider.terms.issuer)).get("jwks_uri")
        if not isinstance(found, str):
            raise Unavailable(msg("The identity provider's metadata name no keys"), retry_after=60)
        return found


def _refusal() -> Unauthenticated:
    return Unauthenticated(msg("The token does not hold: it is unknown, expired or not for this service"))
