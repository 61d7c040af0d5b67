"""The machines an agency asks about texts, and what they cost it today."""

import time
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pydantic import ValidationError
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.responses import Response

from veilleur.domain.providers.breaker import read_breaker
from veilleur.domain.providers.configure import Terms, add_provider, change_provider, find_provider, retire_provider
from veilleur.domain.providers.models import Provider, ProviderCalls
from veilleur.domain.providers.offers import make_offer, name_scores
from veilleur.domain.providers.protocol import Call, Question, Scores, UnreadableAnswerError
from veilleur.domain.providers.reading import build_call, explain_status, read_answer, seal_place
from veilleur.infra.outbound.dial import OutboundError
from veilleur.infra.outbound.http import post_capped
from veilleur.infra.security.sealing import SealBroken
from veilleur.kernel.ids import show_id
from veilleur_api.answers import JsonAnswer
from veilleur_api.deps import After, Limit, Member, PartsOf, Tx
from veilleur_api.guard import guarded_router, needs
from veilleur_api.owner.common import page_by_id
from veilleur_api.owner.provider_documents import (
    ProviderIn,
    ProviderOut,
    ProviderPatch,
    ProvidersOut,
    ProviderTestIn,
    ProviderTestOut,
)
from veilleur_api.parts import Parts
from veilleur_api.principals import authorise_member

router = guarded_router("/owner/v1", authorise_member, "providers")

ANSWER_CAP = 1024 * 1024
_COUNTED = ("calls", "failures", "cached", "refused")


@router.post("/providers", status_code=201, responses={201: {"model": ProviderOut}}, **needs("clients:write"))
async def create_provider(new: ProviderIn, caller: Member, session: Tx, parts: PartsOf) -> Response:
    """Set up a provider. It sees the content of the clients listed, and is asked only where their rules need it."""
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, None)
    terms = Terms(new.model_dump(exclude={"kind", "name"}), parts.egress, sealer)
    provider = await add_provider(session, caller.agency_id, (new.kind, new.name), terms, caller.name)
    return JsonAnswer((await _describe_all(session, [provider]))[0], 201)


@router.get("/providers", responses={200: {"model": ProvidersOut}}, **needs("clients:read"))
async def list_providers(caller: Member, session: Tx, limit: Limit = 50, after: After = None) -> Response:
    """The agency's providers without their secrets, each with its state and its calls of today."""
    query = select(Provider).where(Provider.agency_id == caller.agency_id, Provider.disabled_at.is_(None))
    page = await page_by_id(session, query, Provider, limit, after, lambda provider: {"row": provider})
    return JsonAnswer(page | {"data": await _describe_all(session, [one["row"] for one in page["data"]])})


@router.get("/providers/{provider_id}", responses={200: {"model": ProviderOut}}, **needs("clients:read"))
async def get_provider(provider_id: str, caller: Member, session: Tx) -> Response:
    """One provider without its secret."""
    provider = await find_provider(session, caller.agency_id, provider_id)
    return JsonAnswer((await _describe_all(session, [provider]))[0])


@router.patch("/providers/{provider_id}", responses={200: {"model": ProviderOut}}, **needs("clients:write"))
async def change_provider_settings(
    provider_id: str, patch: ProviderPatch, caller: Member, session: Tx, parts: PartsOf
) -> Response:
    """Change how a provider is called and for whom; kind and name stay."""
    provider = await find_provider(session, caller.agency_id, provider_id)
    given = patch.model_dump(exclude_unset=True)
    kept = {name: value for name, value in given.items() if value is not None or name in ("secret", "daily_budget")}
    sealer = await parts.keyring.sealer_in(session, caller.agency_id, None)
    await change_provider(session, provider, Terms(kept, parts.egress, sealer), caller.name)
    return JsonAnswer((await _describe_all(session, [provider]))[0])


@router.delete("/providers/{provider_id}", status_code=204, **needs("clients:write"))
async def delete_provider(provider_id: str, caller: Member, session: Tx) -> Response:
    """Ask it no more and forget its secret; rules that read it find its scores unknown."""
    await retire_provider(session, await find_provider(session, caller.agency_id, provider_id), caller.name)
    return Response(status_code=204)


@router.post("/providers/{provider_id}/test", responses={200: {"model": ProviderTestOut}}, **needs("clients:write"))
async def test_provider(provider_id: str, new: ProviderTestIn, caller: Member, parts: PartsOf) -> Response:
    """Ask it about one text, outside of every budget, and show what it says."""
    async with parts.database.transaction(caller.scope) as session:
        provider = await find_provider(session, caller.agency_id, provider_id)
    started = time.monotonic()
    scores, error = await _ask(parts, provider, Question(new.text, new.language))
    return JsonAnswer(
        {
            "ok": error is None,
            "milliseconds": round((time.monotonic() - started) * 1_000),
            "scores": scores,
            "facts": None if scores is None else name_scores(provider.name, provider.kind, scores),
            "error": error,
        }
    )


async def _ask(parts: Parts, provider: Provider, question: Question) -> tuple[Scores | None, str | None]:
    """With no transaction open."""
    try:
        call = await _build(parts, provider, question)
        reply = await post_capped(parts.http, call.url, call.body, call.headers, provider.timeout_s, ANSWER_CAP)
        error, _ = explain_status(reply.status)
        if error is not None:
            return None, error
        return read_answer(provider.kind, provider.settings, reply.body, 1)[0], None
    except OutboundError as outbound:
        return None, outbound.reason
    except UnreadableAnswerError:
        return None, "unreadable"
    except (SealBroken, ValidationError):
        return None, "settings"


async def _build(parts: Parts, provider: Provider, question: Question) -> Call:
    secret = ""
    if provider.sealed is not None:
        sealer = await parts.keyring.sealer_for(provider.agency_id, [provider.sealed])
        secret = sealer.open(provider.sealed, seal_place(provider.agency_id, provider.id)).decode()
    return build_call(provider.kind, provider.settings, secret, [question])


async def _describe_all(session: AsyncSession, providers: Sequence[Provider]) -> list[dict[str, Any]]:
    if not providers:
        return []
    today = func.date(func.timezone("UTC", func.app_now()))
    sums = [func.sum(getattr(ProviderCalls, name)).label(name) for name in _COUNTED]
    query = (
        select(ProviderCalls.provider_id, *sums)
        .where(
            ProviderCalls.agency_id == providers[0].agency_id,
            ProviderCalls.provider_id.in_([provider.id for provider in providers]),
            ProviderCalls.day == today,
        )
        .group_by(ProviderCalls.provider_id)
    )
    days: dict[UUID, Any] = {row.provider_id: row for row in await session.execute(query)}
    present = (await session.execute(select(func.app_now()))).scalar_one()
    return [
        {
            "id": show_id("prv", provider.id),
            "kind": provider.kind,
            "name": provider.name,
            "settings": provider.settings,
            "has_secret": provider.sealed is not None,
            "timeout_s": provider.timeout_s,
            "daily_budget": provider.daily_budget,
            "clients": [show_id("cli", client_id) for client_id in provider.clients],
            "categories": sorted(
                make_offer(provider.name, provider.kind, provider.settings, provider.timeout_s).categories
            ),
            "state": read_breaker(provider.failures, provider.open_until, present),
            "failures_in_a_row": provider.failures,
            "last_error": provider.last_error,
            "last_failed_at": provider.last_failed_at,
            "today": {name: int(getattr(days.get(provider.id), name, 0) or 0) for name in _COUNTED},
            "created_at": provider.created_at,
        }
        for provider in providers
    ]
