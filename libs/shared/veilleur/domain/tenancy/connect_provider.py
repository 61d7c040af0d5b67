"""Identity providers of an agency, and which of their subjects are which of its members."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.tenancy.identity_models import IdentityProvider, MemberIdentity
from veilleur.domain.tenancy.log_in import end_sessions_by
from veilleur.domain.tenancy.provider_terms import ProviderTerms
from veilleur.infra.security.sealing import Sealer
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

MOST_PROVIDERS = 20
"""Every process keeps their documents, and asks each of them by itself."""


def login_aad(agency_id: UUID, provider_id: UUID) -> str:
    """What a provider's sealed client secret is bound to: it opens nowhere else."""
    return f"{agency_id}|identity_providers|{provider_id}"


async def add_provider(
    session: AsyncSession, sealer: Sealer, agency_id: UUID, terms: ProviderTerms, secret: str | None, actor: str
) -> IdentityProvider:
    """Trust an issuer; one that is trusted already, or one too many, is a `Conflict`."""
    trusted = select(func.count()).where(IdentityProvider.agency_id == agency_id)
    if (await session.execute(trusted)).scalar_one() >= MOST_PROVIDERS:
        raise Conflict(
            msg("At most {limit} identity providers can be configured", limit=MOST_PROVIDERS),
            slug="identity-provider-limit",
        )
    provider = IdentityProvider(agency_id=agency_id, id=new_id())
    _write(provider, terms)
    _seal(provider, sealer, secret)
    try:
        async with session.begin_nested():
            session.add(provider)
            await session.flush()
    except IntegrityError:
        raise Conflict(
            msg("The issuer {issuer} is configured already", issuer=terms.issuer), slug="identity-provider-taken"
        ) from None
    await session.refresh(provider)
    deed = Deed(actor, "identity_provider.created", show_id("idp", provider.id), None, {"issuer": terms.issuer})
    await record_deeds(session, agency_id, [deed])
    return provider


async def change_provider(session: AsyncSession, provider: IdentityProvider, terms: ProviderTerms, actor: str) -> None:
    """Pin other terms; the issuer stays, because identities are its subjects."""
    _write(provider, terms)
    provider.version += 1
    await session.flush()
    deed = Deed(actor, "identity_provider.changed", show_id("idp", provider.id))
    await record_deeds(session, provider.agency_id, [deed])


def change_login_secret(provider: IdentityProvider, sealer: Sealer, secret: str | None) -> None:
    """Replace the secret that codes are redeemed with."""
    _seal(provider, sealer, secret)


async def set_provider_active(session: AsyncSession, provider: IdentityProvider, *, active: bool, actor: str) -> None:
    """Stop trusting an issuer: its tokens are refused within five seconds, who logged in by it is logged out."""
    if active == (provider.disabled_at is None):
        return
    present = (await session.execute(select(func.app_now()))).scalar_one()
    provider.disabled_at = None if active else present
    await session.flush()
    what = "enabled" if active else "disabled"
    deed = Deed(actor, f"identity_provider.{what}", show_id("idp", provider.id))
    await record_deeds(session, provider.agency_id, [deed])
    if not active:
        await end_sessions_by(session, provider.agency_id, provider.id, actor)


async def link_identity(
    session: AsyncSession, agency_id: UUID, provider_id: UUID, subject: str, member_id: UUID
) -> None:
    """Who proved to be `subject` and to be this member is both from now on.

    Raises `Conflict` where the subject is somebody else already, or the member somebody else there.
    """
    row = {"agency_id": agency_id, "id": new_id(), "provider_id": provider_id, "subject": subject}
    made = await session.execute(
        insert(MemberIdentity)
        .values(row | {"member_id": member_id})
        .on_conflict_do_nothing()
        .returning(MemberIdentity.id)
    )
    identity_id = made.scalar_one_or_none()
    if identity_id is None:
        if await find_linked(session, agency_id, provider_id, subject) == member_id:
            return
        raise Conflict(msg("This identity, or this member, is linked to another one already"), slug="identity-taken")
    deed = Deed(show_id("mem", member_id), "identity.linked", show_id("idn", identity_id))
    await record_deeds(session, agency_id, [deed])


async def unlink_identity(
    session: AsyncSession, agency_id: UUID, member_id: UUID, identity_id: UUID, actor: str
) -> None:
    """Forget that a subject is this member, and end what it opened."""
    gone = await session.execute(
        delete(MemberIdentity)
        .where(
            MemberIdentity.agency_id == agency_id,
            MemberIdentity.member_id == member_id,
            MemberIdentity.id == identity_id,
        )
        .returning(MemberIdentity.provider_id)
    )
    shown, provider_id = show_id("idn", identity_id), gone.scalar_one_or_none()
    if provider_id is None:
        raise NotFound(msg("There is no {id} here", id=shown))
    await record_deeds(session, agency_id, [Deed(actor, "identity.unlinked", shown)])
    await end_sessions_by(session, agency_id, provider_id, actor, member_id)


async def find_linked(session: AsyncSession, agency_id: UUID, provider_id: UUID, subject: str) -> UUID | None:
    """The member that a provider's subject is."""
    query = select(MemberIdentity.member_id).where(
        MemberIdentity.agency_id == agency_id,
        MemberIdentity.provider_id == provider_id,
        MemberIdentity.subject == subject,
    )
    return (await session.scalars(query)).one_or_none()


def describe_provider(provider: IdentityProvider) -> dict[str, Any]:
    return {
        "id": show_id("idp", provider.id),
        "name": provider.name,
        "issuer": provider.issuer,
        "audience": provider.audience,
        "algorithms": provider.algorithms,
        "jwks_uri": provider.jwks_uri,
        "role_claim": provider.role_claim,
        "role_map": provider.role_map,
        "login_client_id": provider.login_client_id,
        "has_login_secret": provider.login_secret is not None,
        "active": provider.disabled_at is None,
        "created_at": provider.created_at,
    }


def _write(provider: IdentityProvider, terms: ProviderTerms) -> None:
    provider.name = terms.name
    provider.issuer = terms.issuer
    provider.audience = terms.audience
    provider.algorithms = list(terms.algorithms)
    provider.jwks_uri = terms.jwks_uri
    provider.role_claim = terms.role_claim
    provider.role_map = dict(terms.role_map)
    provider.login_client_id = terms.login_client_id


def _seal(provider: IdentityProvider, sealer: Sealer, secret: str | None) -> None:
    aad = login_aad(provider.agency_id, provider.id)
    provider.login_secret = None if secret is None else sealer.seal(secret.encode(), aad)
