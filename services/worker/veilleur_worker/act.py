"""Acting on platforms: leased in one short transaction, recorded in another, none open during the calls."""

import asyncio
import json
import random
from typing import Any
from uuid import UUID

import structlog

from veilleur.domain.delivery.act import Act, actor_aad, begin_acts, finish_act, save_credentials
from veilleur.domain.delivery.actions.protocol import Outcome
from veilleur.domain.delivery.actions.registry import ACTORS
from veilleur.domain.delivery.perform import is_denied, perform
from veilleur.infra.db.session import Scope
from veilleur.infra.outbound.dial import EgressBlocked, OutboundError
from veilleur.infra.outbound.oauth import RenewalError, Vault, converse
from veilleur.infra.security.sealing import SealBroken
from veilleur.kernel.clock import now
from veilleur_worker.parts import Parts

BATCH = 10
"""Sources that are acted on at once."""
TOTAL_S = 12.0
"""For each of the at most four parts of a conversation: together less than the lease."""
PATIENCE_S = 1.0

_acting: set[asyncio.Task[None]] = set()
"""Acts under way: the event loop alone would not keep their tasks alive."""

_log = structlog.get_logger(__name__)


async def drain_actions(parts: Parts, agency_id: UUID) -> None:
    """Do what is due, one action a source at a time; a platform that hangs is left to its own task."""
    while not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            acts = await begin_acts(session, agency_id, BATCH)
        if not acts:
            return
        tasks = {asyncio.create_task(_act(parts, agency_id, act)) for act in acts}
        _acting.update(tasks)
        for task in tasks:
            task.add_done_callback(_acting.discard)
        await asyncio.wait(tasks, timeout=PATIENCE_S)


async def finish_acting() -> None:
    """Wait for what is under way: cut off, it would be done once more, a lease later."""
    await asyncio.gather(*_acting, return_exceptions=True)


async def _act(parts: Parts, agency_id: UUID, act: Act) -> None:
    try:
        outcome = await _perform(parts, agency_id, act)
        async with parts.database.transaction(Scope(agency_id)) as session:
            state = await finish_act(session, agency_id, act, outcome, jitter=random.random())  # noqa: S311
    except Exception as error:  # noqa: BLE001 - done once more when its lease ends
        _log.error("action_broke", action_id=str(act.id), error=type(error).__name__)
        return
    if state in {"refused", "dead"}:
        _log.warning("action_failed", action_id=str(act.id), platform=act.platform, reason=outcome.reason)


async def _perform(parts: Parts, agency_id: UUID, act: Act) -> Outcome:
    """Whatever happens becomes an outcome."""
    place = actor_aad(agency_id, act.source_id)

    async def keep(credentials: dict[str, Any]) -> None:
        async with parts.database.transaction(Scope(agency_id)) as session:
            sealer = await parts.keyring.sealer_in(session, agency_id, act.client_id)
            sealed = sealer.seal(json.dumps(credentials).encode(), place)
            await save_credentials(session, agency_id, act.source_id, act.sealed, sealed)

    try:
        sealer = await parts.keyring.sealer_for(agency_id, [act.sealed])
        vault = Vault(json.loads(sealer.open(act.sealed, place)), ACTORS[act.platform].tokens, keep)
        return await converse(
            parts.http,
            vault,
            lambda credentials: perform(act.platform, act.operation, credentials, act.order),
            is_denied,
            now(),
            TOTAL_S,
        )
    except RenewalError as error:
        return Outcome("refused", "unauthorized") if error.refused else Outcome("retry", "unavailable")
    except EgressBlocked:
        return Outcome("refused", "blocked")
    except OutboundError:
        return Outcome("retry", "unavailable")
    except SealBroken:
        return Outcome("refused", "unauthorized")
