"""Asking providers: leased and paid for in one short transaction, written down in another, none open in between."""

import asyncio
from uuid import UUID

import structlog
from pydantic import ValidationError

from veilleur.domain.providers.begin import begin_questions
from veilleur.domain.providers.finish import finish_questions
from veilleur.domain.providers.protocol import UnreadableAnswerError
from veilleur.domain.providers.reading import build_call, explain_status, read_answer, seal_place
from veilleur.domain.providers.round import Answer, Asked, PlannedCall, Round
from veilleur.infra.db.session import Scope
from veilleur.infra.outbound.dial import EgressBlocked, OutboundError
from veilleur.infra.outbound.http import post_capped
from veilleur.infra.security.sealing import SealBroken
from veilleur_worker.parts import Parts

BATCH = 50
MOST_ROUNDS = 8
"""Under way at once in this process."""
PATIENCE_S = 1.0
"""How long a drain waits for a round before it looks for more."""
ANSWER_CAP = 1024 * 1024

_asking: set[asyncio.Task[None]] = set()
"""Rounds under way: the event loop alone would not keep their tasks alive."""

_log = structlog.get_logger(__name__)


async def drain_providers(parts: Parts, agency_id: UUID) -> None:
    """Ask what is due, round after round; a provider that hangs is left to its own round."""
    while not parts.stopping.is_set():
        if len(_asking) >= MOST_ROUNDS:
            await asyncio.wait(_asking, return_when=asyncio.FIRST_COMPLETED)
        async with parts.database.transaction(Scope(agency_id)) as session:
            begun = await begin_questions(session, agency_id, BATCH)
        if begun is None:
            return
        task = asyncio.create_task(_ask_round(parts, agency_id, begun))
        _asking.add(task)
        task.add_done_callback(_asking.discard)
        await asyncio.wait({task}, timeout=PATIENCE_S)


async def finish_asking() -> None:
    """Wait for the rounds under way: cut off, they would be asked again, a lease later."""
    await asyncio.gather(*_asking, return_exceptions=True)


async def _ask_round(parts: Parts, agency_id: UUID, begun: Round) -> None:
    try:
        answers = await asyncio.gather(*(_ask(parts, agency_id, call) for call in begun.calls))
        async with parts.database.transaction(Scope(agency_id)) as session:
            states = await finish_questions(session, agency_id, begun, answers)
    except Exception as error:  # noqa: BLE001 - asked again when the lease ends, or screened without
        _log.error("asking_failed", agency_id=str(agency_id), error=type(error).__name__)
        return
    failed = [answer for answer in answers if answer.error is not None]
    if failed:
        _log.warning(
            "providers_failed",
            agency_id=str(agency_id),
            providers=sorted({answer.call.provider.name for answer in failed}),
            errors=sorted({str(answer.error) for answer in failed}),
        )
    _log.debug("providers_asked", agency_id=str(agency_id), calls=len(answers), states=states)


async def _ask(parts: Parts, agency_id: UUID, planned: PlannedCall) -> Answer:
    """Whatever happens to a call becomes an answer: others are waiting for theirs."""
    try:
        return await _call(parts, agency_id, planned)
    except Exception as error:  # noqa: BLE001
        _log.error("provider_call_broke", provider_id=str(planned.provider.id), error=type(error).__name__)
        return Answer(planned, error="fault")


async def _call(parts: Parts, agency_id: UUID, planned: PlannedCall) -> Answer:
    provider = planned.provider
    try:
        secret = await _open_secret(parts, agency_id, provider)
        call = build_call(provider.kind, provider.settings, secret, list(planned.questions.values()))
        reply = await post_capped(parts.http, call.url, call.body, call.headers, provider.timeout_s, ANSWER_CAP)
        error, again = explain_status(reply.status)
        if error is not None:
            return Answer(planned, error=error, again=again)
        scores = read_answer(provider.kind, provider.settings, reply.body, len(planned.questions))
    except EgressBlocked as blocked:
        return Answer(planned, error=blocked.reason)
    except OutboundError as outbound:
        return Answer(planned, error=outbound.reason, again=True)
    except UnreadableAnswerError:
        return Answer(planned, error="unreadable", again=True)
    except (SealBroken, ValidationError):
        return Answer(planned, error="settings")
    return Answer(planned, dict(zip(planned.questions, scores, strict=True)))


async def _open_secret(parts: Parts, agency_id: UUID, provider: Asked) -> str:
    if provider.sealed is None:
        return ""
    sealer = await parts.keyring.sealer_for(agency_id, [provider.sealed])
    return sealer.open(provider.sealed, seal_place(agency_id, provider.id)).decode()
