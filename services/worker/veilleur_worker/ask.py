"""The network calls of a poll, between `begin_polls` and `finish_poll`, with no transaction open."""

from collections.abc import Mapping
from uuid import UUID

import structlog

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.poll import Poll, Polled, begin_polls, finish_poll, poll_aad
from veilleur.domain.intake.sources.discourse_pages import find_newest, plan_windows, read_page
from veilleur.domain.intake.sources.protocol import Known
from veilleur.infra.db.session import Scope
from veilleur.infra.outbound.dial import OutboundError
from veilleur.infra.outbound.http import get_capped
from veilleur.kernel.errors import Malformed
from veilleur.kernel.mended_json import mended_loads
from veilleur.kernel.strict_json import Json
from veilleur_worker.parts import Parts

PAGE_CAP = 8 * 1024 * 1024
PAGE_TIMEOUT_S = 10.0
"""With the most pages of a poll, less than its lease."""

_log = structlog.get_logger(__name__)


class _RefusedError(Exception):
    """The platform said no, or nothing that can be read."""


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
    if poll.source.mode in ("paused", "closed"):
        return Polled()
    sealer = await parts.keyring.sealer_for(agency_id, [poll.sealed])
    key = sealer.open(poll.sealed, poll_aad(agency_id, poll.source.source_id)).decode()
    headers = {"api-key": key, "api-username": poll.username}
    known = Known((), poll.source.settings)
    events: list[InboundEvent] = []
    cursor = poll.cursor
    try:
        latest = await _fetch(parts, poll.url, headers, "")
        newest = find_newest(latest)
        if cursor is None:
            return Polled(read_page(latest, known, poll.url), newest or None)
        for before in plan_windows(cursor, newest):
            events += read_page(await _fetch(parts, poll.url, headers, f"?before={before}"), known, poll.url)
            cursor = min(before, newest)
    except _RefusedError as error:
        return Polled(events, cursor, str(error))
    return Polled(events, cursor)


async def _fetch(parts: Parts, url: str, headers: Mapping[str, str], query: str) -> Json:
    try:
        reply = await get_capped(parts.http, f"{url.rstrip('/')}/posts.json{query}", headers, PAGE_TIMEOUT_S, PAGE_CAP)
    except OutboundError as error:
        raise _RefusedError(error.reason) from error
    if reply.status != 200:
        raise _RefusedError(f"http {reply.status}")
    try:
        return mended_loads(reply.body)
    except Malformed:
        raise _RefusedError("not json") from None
