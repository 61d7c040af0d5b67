"""How a source is acted on: off until configured, credentials sealed and never shown again."""

from typing import Any

from fastapi import Request
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.delivery.act import save_credentials
from veilleur.domain.delivery.action_shape import describe_action
from veilleur.domain.delivery.actions.protocol import Outcome
from veilleur.domain.delivery.actions.reasons import explain_reason
from veilleur.domain.delivery.actions.registry import ACTORS, find_platform
from veilleur.domain.delivery.configure_actor import (
    ActorTerms,
    Keys,
    configure_actor,
    read_credentials,
    seal_credentials,
)
from veilleur.domain.delivery.models import PlatformAction, SourceActor
from veilleur.domain.delivery.perform import is_denied, probe
from veilleur.domain.tenancy.models import Source
from veilleur.infra.outbound.dial import EgressBlocked, OutboundError
from veilleur.infra.outbound.oauth import RenewalError, Vault, converse
from veilleur.infra.security.sealing import SealBroken
from veilleur.kernel.clock import now
from veilleur.kernel.errors import Conflict
from veilleur.kernel.messages import Language, choose_language, msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.actor_documents import ActorIn, ActorOut, ActorTestOut
from veilleur_api.owner.common import find_client_source
from veilleur_api.parts import Parts
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "connections")

TEST_S = 8.0
LAST = 10


@router.put(
    "/clients/{client_id}/sources/{source_id}/actor", responses={200: {"model": ActorOut}}, **needs("clients:write")
)
async def put_actor(
    client_id: str,
    source_id: str,
    wanted: ActorIn,
    request: Request,
    caller: Member,
    session: Tx,
    *,
    parts: PartsOf,
) -> Response:
    """Say how decisions are carried out on the source's own platform; callbacks go out in every mode."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    operations = None if wanted.operations is None else wanted.operations.model_dump()
    terms = ActorTerms(wanted.mode, wanted.hold_s, wanted.platform, wanted.credentials, operations)
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, source.client_id)
    actor = await configure_actor(session, Keys(sealer, parts.egress), source, terms, caller.name)
    return JsonAnswer(await _describe(session, source, actor, _read_language(request)))


@router.get(
    "/clients/{client_id}/sources/{source_id}/actor", responses={200: {"model": ActorOut}}, **needs("clients:read")
)
async def get_actor(client_id: str, source_id: str, request: Request, caller: Member, session: Tx) -> Response:
    """How the source is acted on, what could be done there, and what came of the last actions."""
    source = await find_client_source(session, caller.agency_id, client_id, source_id)
    actor = await session.get(SourceActor, (source.agency_id, source.id))
    return JsonAnswer(await _describe(session, source, actor, _read_language(request)))


@router.post(
    "/clients/{client_id}/sources/{source_id}/actor/test",
    responses={200: {"model": ActorTestOut}},
    **needs("clients:write"),
)
async def test_actor(client_id: str, source_id: str, request: Request, caller: Member, parts: PartsOf) -> Response:
    """Ask the platform, changing nothing there, whether it knows the credentials; no transaction is open meanwhile."""
    async with parts.database.transaction(caller.scope) as session:
        source = await find_client_source(session, caller.agency_id, client_id, source_id)
        actor = await session.get(SourceActor, (source.agency_id, source.id))
    if actor is None or actor.sealed is None:
        raise Conflict(msg("No credentials are set"))
    outcome = await _probe(parts, caller, actor)
    detail = explain_reason(outcome.reason, _read_language(request))
    shown = {"ok": outcome.state == "done", "reason": outcome.reason, "detail": detail, "status": outcome.status}
    return JsonAnswer(shown)


async def _probe(parts: Parts, caller: Member, actor: SourceActor) -> Outcome:
    platform, old = str(actor.platform), actor.sealed or b""

    async def keep(credentials: dict[str, Any]) -> None:
        async with parts.database.transaction(caller.scope) as session:
            sealer = await parts.keyring.sealer_in(session, actor.agency_id, actor.client_id)
            new = seal_credentials(sealer, actor.agency_id, actor.source_id, credentials)
            await save_credentials(session, actor.agency_id, actor.source_id, old, new)

    try:
        sealer = await parts.keyring.sealer_for(actor.agency_id, [old])
        vault = Vault(read_credentials(Keys(sealer, parts.egress), actor), ACTORS[platform].tokens, keep)
        return await converse(parts.http, vault, lambda opened: probe(platform, opened), is_denied, now(), TEST_S)
    except RenewalError as error:
        return Outcome("refused", "unauthorized" if error.refused else "unavailable")
    except EgressBlocked:
        return Outcome("refused", "blocked")
    except OutboundError:
        return Outcome("retry", "unavailable")
    except SealBroken:
        return Outcome("refused", "unauthorized")


async def _describe(
    session: AsyncSession, source: Source, actor: SourceActor | None, language: Language
) -> dict[str, Any]:
    platform = find_platform(source.kind, None) if actor is None else actor.platform
    known = ACTORS.get(str(platform))
    mine = (PlatformAction.agency_id == source.agency_id, PlatformAction.source_id == source.id)
    last = await session.scalars(select(PlatformAction).where(*mine).order_by(PlatformAction.id.desc()).limit(LAST))
    error = None if actor is None else actor.last_error
    operations = {} if known is None else known.operations
    return {
        "mode": "callback" if actor is None else actor.mode,
        "hold_s": 0 if actor is None else actor.hold_s,
        "platform": platform,
        "has_credentials": actor is not None and actor.sealed is not None,
        "settings": {} if actor is None else actor.settings,
        "operations": {"actions": {}, "verdicts": {}} | ({} if actor is None else actor.operations),
        "offers": {name: {"target": one.target, "undo": one.undo} for name, one in operations.items()},
        "customary": [
            {"verdict": verdict, "target": target, "operation": operation}
            for (verdict, target), operation in (known.defaults.items() if known else ())
        ],
        "configured_at": None if actor is None else actor.configured_at,
        "last_done_at": None if actor is None else actor.last_done_at,
        "last_failed_at": None if actor is None else actor.last_failed_at,
        "last_error": error,
        "detail": explain_reason(error, language),
        "quiet_until": None if actor is None else actor.quiet_until,
        "last": [describe_action(action, language) for action in last],
    }


def _read_language(request: Request) -> Language:
    return choose_language(request.headers.get("accept-language"))
