"""How a client is connected: sources in, credentials for its engineers."""

from datetime import timedelta
from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.custody.offboard import require_staying
from veilleur.domain.intake.sources.agreement import agree, agree_on_secret, amend
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.domain.tenancy.connections import (
    NewCredential,
    NewSource,
    add_source,
    issue_credential,
    revoke_credential,
    rotate_source_secret,
)
from veilleur.domain.tenancy.models import Credential, Source
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import read_id, show_id
from veilleur.kernel.messages import choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.endpoint_documents import NewSecretOut
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.answer_documents import CredentialsOut, NewCredentialOut, NewSourceOut, SourceOut, SourcesOut
from veilleur_api.owner.common import find_client, find_client_source, page_by_id
from veilleur_api.owner.documents import CredentialIn, SourceIn, SourcePatch, SourceSecretIn
from veilleur_api.parts import Parts
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "connections")


@router.post(
    "/clients/{client_id}/sources", status_code=201, responses={201: {"model": NewSourceOut}}, **needs("clients:write")
)
async def create_source(
    client_id: str, new: SourceIn, request: Request, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Open a source. Its secrets are shown this once, with how to set the platform up, step by step."""
    client = await find_client(session, caller.agency_id, client_id)
    await require_staying(session, caller.agency_id, client.id)
    platform = PLATFORMS[new.kind]
    agreed = agree(platform, new.settings or {})
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, client.id)
    wanted = NewSource(new.kind, new.name, new.mode, agreed.settings)
    try:
        async with session.begin_nested():
            source = await add_source(session, sealer, client, wanted, agreed.key, caller.name)
    except IntegrityError:
        raise Conflict(msg("This client already has a source named {name}", name=new.name), slug="name-taken") from None
    shown = describe_source(source, parts)
    language = choose_language(request.headers.get("accept-language"))
    setup = [step.render(language) for step in platform.explain(shown["url"])]
    return JsonAnswer(shown | {"settings": agreed.settings, "secret": agreed.secret, "setup": setup}, 201)


@router.get("/clients/{client_id}/sources", responses={200: {"model": SourcesOut}}, **needs("clients:read"))
async def list_sources(
    client_id: str, caller: Member, session: Tx, parts: PartsOf, limit: Limit = 50, after: After = None
) -> Response:
    """The client's sources, without their secrets."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Source).where(Source.agency_id == caller.agency_id, Source.client_id == client.id)
    return JsonAnswer(
        await page_by_id(session, query, Source, limit, after, lambda source: describe_source(source, parts))
    )


@router.patch(
    "/clients/{client_id}/sources/{source_id}", responses={200: {"model": SourceOut}}, **needs("clients:write")
)
async def change_source(
    client_id: str, source_id: str, patch: SourcePatch, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Change a source's name, mode or settings; what was received keeps the mode it came in."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    await require_staying(session, caller.agency_id, source.client_id)
    changes = patch.model_dump(exclude_unset=True, exclude_none=True)
    if "settings" in changes:
        changes["settings"] = amend(PLATFORMS[source.kind], source.settings, changes["settings"])
    for name, value in changes.items():
        setattr(source, name, value)
    await session.flush()
    deed = Deed(caller.name, "source.changed", show_id("src", source.id), source.client_id, {"fields": sorted(changes)})
    await record_deeds(session, caller.agency_id, [deed])
    return JsonAnswer(describe_source(source, parts))


@router.post(
    "/clients/{client_id}/sources/{source_id}/secrets",
    status_code=201,
    responses={201: {"model": NewSecretOut}},
    **needs("clients:write"),
)
async def rotate_secret(
    client_id: str, source_id: str, new: SourceSecretIn, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Issue a new secret; the old ones go on holding for `overlap_s`."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    secret, key = agree_on_secret(PLATFORMS[source.kind], new.secret)
    overlap = timedelta(seconds=new.overlap_s)
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, source.client_id)
    await rotate_source_secret(session, sealer, source, key, overlap, caller.name)
    return JsonAnswer({"id": show_id("src", source.id), "secret": secret}, 201)


@router.post(
    "/clients/{client_id}/credentials",
    status_code=201,
    responses={201: {"model": NewCredentialOut}},
    **needs("credentials:write"),
)
async def create_credential(client_id: str, new: CredentialIn, caller: Member, session: Tx) -> Response:
    """Issue an API key or OAuth client. The secret is shown this once."""
    client = await find_client(session, caller.agency_id, client_id)
    await require_staying(session, caller.agency_id, client.id)
    if new.test and new.kind != "api_key":
        error = InputError("/test", msg("only API keys can be test keys"))
        raise Invalid(msg("The credential can't be made like this"), errors=[error])
    wanted = NewCredential(new.kind, new.name, tuple(new.scopes), test=new.test)
    secret, credential = await issue_credential(session, client, wanted, caller.name)
    shown = describe_credential(credential)
    if new.kind == "api_key":
        return JsonAnswer(shown | {"api_key": secret, "secret": secret}, 201)
    return JsonAnswer(shown | {"client_id": shown["id"], "client_secret": secret, "secret": secret}, 201)


@router.get("/clients/{client_id}/credentials", responses={200: {"model": CredentialsOut}}, **needs("clients:read"))
async def list_credentials(
    client_id: str, caller: Member, session: Tx, limit: Limit = 50, after: After = None
) -> Response:
    """The client's credentials, without their secrets."""
    client = await find_client(session, caller.agency_id, client_id)
    query = select(Credential).where(Credential.agency_id == caller.agency_id, Credential.client_id == client.id)
    return JsonAnswer(await page_by_id(session, query, Credential, limit, after, describe_credential))


@router.delete("/clients/{client_id}/credentials/{key_id}", status_code=204, **needs("credentials:write"))
async def delete_credential(client_id: str, key_id: str, caller: Member, session: Tx) -> Response:
    """Revoke a credential; it is refused everywhere within five seconds."""
    client = await find_client(session, caller.agency_id, client_id)
    await revoke_credential(session, client, read_id("key", key_id), caller.name)
    return Response(status_code=204)


def describe_source(source: Source, parts: Parts) -> dict[str, Any]:
    shown = show_id("src", source.id)
    hidden = PLATFORMS[source.kind].hidden
    return {
        "id": shown,
        "kind": source.kind,
        "name": source.name,
        "mode": source.mode,
        "settings": {name: value for name, value in source.settings.items() if name not in hidden},
        "url": f"{parts.settings.issuer}/ingest/v1/sources/{shown}",
        "created_at": source.created_at,
    }


def describe_credential(credential: Credential) -> dict[str, Any]:
    return {
        "id": show_id("key", credential.id),
        "kind": credential.kind,
        "name": credential.name,
        "hint": credential.hint,
        "scopes": credential.scopes,
        "test": credential.test,
        "created_at": credential.created_at,
        "revoked_at": credential.revoked_at,
    }
