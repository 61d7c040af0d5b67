"""Who the agency lets say who its people are, who they are there, and who looked in."""

from collections.abc import Mapping
from typing import Any

from fastapi import Request
from sqlalchemy import select
from starlette.responses import Response

from veilleur.domain.oversight.break_glass import describe_grant, end_break_glass
from veilleur.domain.tenancy.connect_provider import (
    add_provider,
    change_login_secret,
    change_provider,
    describe_provider,
    set_provider_active,
    unlink_identity,
)
from veilleur.domain.tenancy.identity_models import BreakGlassGrant, IdentityProvider, MemberIdentity
from veilleur.domain.tenancy.log_in import end_all_sessions
from veilleur.domain.tenancy.members import find_member
from veilleur.domain.tenancy.provider_terms import ProviderTerms, check_terms
from veilleur.kernel.errors import Invalid, NotFound
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id, require_match
from veilleur_api.owner.login_documents import (
    BreakGlassListOut,
    BreakGlassOut,
    IdentitiesOut,
    IdentityProviderIn,
    IdentityProviderOut,
    IdentityProviderPatch,
    IdentityProvidersOut,
)
from veilleur_api.parts import Parts
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "identity")


@router.post(
    "/identity-providers",
    status_code=201,
    responses={201: {"model": IdentityProviderOut}},
    **needs("identity:write"),
)
async def create_identity_provider(new: IdentityProviderIn, caller: Member, session: Tx, parts: PartsOf) -> Response:
    """Trust an OpenID Connect provider: with `audience` its access tokens are bearers here, with `login_client_id`
    people log in at `login_url`. Register `login_url` + `/callback` there.
    """
    terms = ProviderTerms(
        new.name,
        new.issuer,
        tuple(new.algorithms),
        new.audience,
        new.jwks_uri,
        new.role_claim,
        dict(new.role_map),
        new.login_client_id,
    )
    _check(parts, terms, new.login_secret)
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, None)
    provider = await add_provider(session, sealer, caller.agency_id, terms, new.login_secret, caller.name)
    return JsonAnswer(_describe(parts, provider), 201, {"etag": _etag(provider)})


@router.get("/identity-providers", responses={200: {"model": IdentityProvidersOut}}, **needs("identity:read"))
async def list_identity_providers(
    caller: Member, session: Tx, parts: PartsOf, limit: Limit = 50, after: After = None
) -> Response:
    """The providers this agency trusts, or trusted."""
    query = select(IdentityProvider).where(IdentityProvider.agency_id == caller.agency_id)
    return JsonAnswer(
        await page_by_id(session, query, IdentityProvider, limit, after, lambda row: _describe(parts, row))
    )


@router.get(
    "/identity-providers/{identity_provider_id}",
    responses={200: {"model": IdentityProviderOut}},
    **needs("identity:read"),
)
async def get_identity_provider(identity_provider_id: str, caller: Member, session: Tx, parts: PartsOf) -> Response:
    """One provider; never its secret."""
    provider = await _find(session, caller, identity_provider_id)
    return JsonAnswer(_describe(parts, provider), 200, {"etag": _etag(provider)})


@router.patch(
    "/identity-providers/{identity_provider_id}",
    responses={200: {"model": IdentityProviderOut}},
    **needs("identity:write"),
)
async def change_identity_provider(
    identity_provider_id: str,
    patch: IdentityProviderPatch,
    caller: Member,
    session: Tx,
    parts: PartsOf,
    request: Request,
) -> Response:
    """Change what is named; null takes an optional term away. `active: false` shuts its people out within 5 s."""
    provider = await _find(session, caller, identity_provider_id, lock=True)
    require_match(request, _etag(provider))
    terms = _change_terms(provider, patch)
    given = patch.model_fields_set
    keeps_secret = "login_secret" not in given and provider.login_secret is not None
    _check(parts, terms, "kept" if keeps_secret else patch.login_secret)
    if "login_secret" in given:
        sealer = await parts.keyring.sealer_in(session, caller.agency_id, None)
        change_login_secret(provider, sealer, patch.login_secret)
    if given - {"active"}:
        await change_provider(session, provider, terms, caller.name)
    if patch.active is not None:
        await set_provider_active(session, provider, active=patch.active, actor=caller.name)
    return JsonAnswer(_describe(parts, provider), 200, {"etag": _etag(provider)})


@router.get("/members/{member_id}/identities", responses={200: {"model": IdentitiesOut}}, **needs("members:read"))
async def list_identities(member_id: str, caller: Member, session: Tx) -> Response:
    """Who this person is at the agency's providers; linked by themselves, with a login code."""
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    query = select(MemberIdentity).where(
        MemberIdentity.agency_id == caller.agency_id, MemberIdentity.member_id == member.id
    )
    rows = await session.scalars(query.order_by(MemberIdentity.id))
    return JsonAnswer({"data": [_describe_identity(row) for row in rows]})


@router.delete("/members/{member_id}/identities/{identity_id}", status_code=204, **needs("members:write"))
async def delete_identity(member_id: str, identity_id: str, caller: Member, session: Tx) -> Response:
    """Unlink an identity; its tokens open nothing within five seconds."""
    shown = read_id("mem", member_id), read_id("idn", identity_id)
    await unlink_identity(session, caller.agency_id, *shown, caller.name)
    return Response(status_code=204)


@router.delete("/members/{member_id}/sessions", status_code=204, **needs("members:write"))
async def end_member_sessions(member_id: str, caller: Member, session: Tx) -> Response:
    """Log a person out everywhere, within five seconds."""
    member = await find_member(session, caller.agency_id, read_id("mem", member_id))
    await end_all_sessions(session, caller.agency_id, member.id, caller.name)
    return Response(status_code=204)


@router.get("/break-glass", responses={200: {"model": BreakGlassListOut}}, **needs("identity:read"))
async def list_break_glass(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """When and why the operator looked into this agency; what was read is in the audit trail."""
    query = select(BreakGlassGrant).where(BreakGlassGrant.agency_id == caller.agency_id)
    return JsonAnswer(await page_by_id(session, query, BreakGlassGrant, limit, after, describe_grant))


@router.post("/break-glass/{grant_id}/end", responses={200: {"model": BreakGlassOut}}, **needs("identity:write"))
async def end_break_glass_grant(grant_id: str, caller: Member, session: Tx) -> Response:
    """End the operator's look at once."""
    grant = await end_break_glass(session, caller.agency_id, read_id("bgl", grant_id), caller.name)
    return JsonAnswer(describe_grant(grant))


async def _find(session: Tx, caller: Member, shown: str, *, lock: bool = False) -> IdentityProvider:
    key = (caller.agency_id, read_id("idp", shown))
    provider = await session.get(IdentityProvider, key, with_for_update=lock)
    if provider is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return provider


def _change_terms(provider: IdentityProvider, patch: IdentityProviderPatch) -> ProviderTerms:
    given: Mapping[str, Any] = patch.model_dump(include=patch.model_fields_set - {"active", "login_secret"})

    def take(name: str) -> Any:
        return given.get(name, getattr(provider, name))

    return ProviderTerms(
        name=take("name") or provider.name,
        issuer=provider.issuer,
        algorithms=tuple(take("algorithms") or provider.algorithms),
        audience=take("audience"),
        jwks_uri=take("jwks_uri"),
        role_claim=take("role_claim"),
        role_map=take("role_map") or {},
        login_client_id=take("login_client_id"),
    )


def _check(parts: Parts, terms: ProviderTerms, secret: str | None) -> None:
    errors = check_terms(terms, parts.egress, parts.issuer.issuer, has_secret=secret is not None)
    if errors:
        raise Invalid(msg("The identity provider can't be kept like this"), errors=errors)


def _describe(parts: Parts, provider: IdentityProvider) -> dict[str, Any]:
    shown = show_id("idp", provider.id)
    login = f"{parts.settings.issuer}/oauth/login/{shown}" if provider.login_client_id is not None else None
    return describe_provider(provider) | {"login_url": login}


def _describe_identity(identity: MemberIdentity) -> dict[str, Any]:
    return {
        "id": show_id("idn", identity.id),
        "provider": show_id("idp", identity.provider_id),
        "subject": identity.subject,
        "linked_at": identity.linked_at,
    }


def _etag(provider: IdentityProvider) -> str:
    return f'"{provider.version}"'
