"""The network calls of a poll, between `begin_polls` and `finish_poll`, with no transaction open."""

import json
from typing import Any
from uuid import UUID

import structlog

from veilleur.domain.intake.poll import Poll, begin_polls, finish_poll, poll_aad, save_poll_secrets
from veilleur.domain.intake.sources.polling import Asking, Polled
from veilleur.domain.intake.sources.protocol import Known
from veilleur.domain.intake.sources.registry import POLLERS
from veilleur.infra.db.session import Scope
from veilleur.infra.outbound.dial import OutboundError
from veilleur.infra.outbound.oauth import RenewalError, Vault, converse
from veilleur.infra.security.sealing import SealBroken
from veilleur.kernel.clock import now
from veilleur_worker.parts import Parts

TOTAL_S = 120.0
"""Twice of it, and two renewals, are less than a poll's lease."""

_log = structlog.get_logger(__name__)


async def drain_polls(parts: Parts, agency_id: UUID) -> None:
    """Ask the platforms that are due, one after another."""
    while not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            polls = await begin_polls(session, agency_id, 1)
        if not polls:
            return
        for poll in polls:
            polled = await ask_platform(parts, agency_id, poll)
            if polled.error:
                _log.warning("poll_failed", source_id=str(poll.source.source_id), error=polled.error)
            async with parts.database.transaction(Scope(agency_id)) as session:
                await finish_poll(session, agency_id, poll, polled)


async def ask_platform(parts: Parts, agency_id: UUID, poll: Poll) -> Polled:
    """Read what came after the cursor, a bounded number of pages; what was read before a failure is kept."""
    if poll.source.mode in {"paused", "closed"}:
        return Polled(marks=poll.marks)
    poller = POLLERS[poll.source.kind]
    place = poll_aad(agency_id, poll.source.source_id)

    async def keep(secrets: dict[str, Any]) -> None:
        async with parts.database.transaction(Scope(agency_id)) as session:
            sealer = await parts.keyring.sealer_in(session, agency_id, poll.source.client_id)
            sealed = sealer.seal(json.dumps(secrets).encode(), place)
            await save_poll_secrets(session, agency_id, poll, sealed)

    present = now()
    known = Known((), poll.source.settings)
    try:
        sealer = await parts.keyring.sealer_for(agency_id, [poll.sealed])
        vault = Vault(json.loads(sealer.open(poll.sealed, place)), poller.tokens, keep)
        return await converse(
            parts.http,
            vault,
            lambda secrets: poller.read(
                Asking(poll.url, poll.username, secrets, poll.settings, known, poll.cursor, poll.marks, present)
            ),
            lambda polled: polled.error == "unauthorized",
            present,
            TOTAL_S,
        )
    except RenewalError as error:
        return Polled(error="unauthorized" if error.refused else "unavailable", marks=poll.marks)
    except OutboundError as error:
        return Polled(error=error.reason, marks=poll.marks)
    except SealBroken:
        return Polled(error="unauthorized", marks=poll.marks)
