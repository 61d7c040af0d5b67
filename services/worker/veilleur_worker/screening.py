"""Screening what was received: the drain that people wait for, so a worker that starts begins with it.

It loads nothing that other drains need.
"""

import asyncio
from uuid import UUID

import structlog
from opentelemetry.trace import Span, SpanKind

from veilleur.domain.screening.screen import forgive_attempts, list_traceparents, mark_attempts, screen_marked
from veilleur.infra import figures
from veilleur.infra.db.faults import is_foreign
from veilleur.infra.db.session import NOBODY, Scope
from veilleur.infra.tracing import link_traces, open_span
from veilleur.infra.worklist import list_due_work
from veilleur_worker.counting import count_batch
from veilleur_worker.parts import SCREEN_TURNS, Parts

SCREEN_BATCH = 200
SCREEN_AT_ONCE = 2
"""Batches of one agency that are screened side by side: one computes while the other waits for the database."""
FORGIVE_AFTER_S = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Pauses before each look whether the database is back."""

_log = structlog.get_logger(__name__)

_screened: set[UUID] = set()


async def screen_at_start(parts: Parts) -> None:
    """Screen what waits already: one batch each of some agencies. A failure is logged and left to the first sweep."""
    try:
        async with parts.database.transaction(NOBODY) as session:
            due = await list_due_work(session)
        agencies = [agency_id for kind, agency_id, _ in due if kind == "screening"]
        await asyncio.gather(*(_screen_one_batch(parts, agency_id) for agency_id in agencies[:SCREEN_TURNS]))
    except Exception as error:  # noqa: BLE001 - whatever it is, the sweep meets it as well
        _log.warning("start_not_screened", error=type(error).__name__)


async def drain_screening(parts: Parts, agency_id: UUID) -> None:
    """Screen what was received: fresh items in batches, items that failed before one by one."""
    _screened.add(agency_id)
    try:
        await _screen_fresh(parts, agency_id)
        while not parts.stopping.is_set() and (marked := await _mark(parts, agency_id, fresh=False, limit=1)):
            await _screen(parts, agency_id, marked)
    finally:
        _screened.discard(agency_id)


def is_screening() -> bool:
    """Whether this process screens for any agency: what can wait gives way."""
    return bool(_screened)


async def _screen_one_batch(parts: Parts, agency_id: UUID) -> None:
    marked = await _take_turn(parts, agency_id)
    if marked:
        await _use_turn(parts, agency_id, marked)


async def _screen_fresh(parts: Parts, agency_id: UUID) -> None:
    """Only where there is a backlog batches overlap: who takes less than it may has taken all there was."""
    running: set[asyncio.Task[None]] = set()
    async with asyncio.TaskGroup() as batches:
        while not parts.stopping.is_set() and (marked := await _take_turn(parts, agency_id)):
            running.add(batches.create_task(_use_turn(parts, agency_id, marked)))
            beside = SCREEN_AT_ONCE - 1 if len(marked) == SCREEN_BATCH else 0
            while len(running) > beside:
                _, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)


async def _take_turn(parts: Parts, agency_id: UUID) -> list[UUID]:
    """A batch and the turn to screen it, or neither: what waits in line is not marked, it would look abandoned."""
    await parts.turns.acquire()
    marked: list[UUID] = []
    try:
        marked = await _mark(parts, agency_id, fresh=True, limit=SCREEN_BATCH)
    finally:
        if not marked:
            parts.turns.release()
    return marked


async def _use_turn(parts: Parts, agency_id: UUID, marked: list[UUID]) -> None:
    try:
        await _screen(parts, agency_id, marked)
    finally:
        parts.turns.release()


async def _mark(parts: Parts, agency_id: UUID, *, fresh: bool, limit: int) -> list[UUID]:
    """The attempt is counted in a commit of its own, so that a crash is counted too."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        return await mark_attempts(session, agency_id, fresh=fresh, limit=limit)


async def _screen(parts: Parts, agency_id: UUID, marked: list[UUID]) -> None:
    try:
        with open_span(parts.tracer, "screen items", SpanKind.CONSUMER) as span:
            await _link_batch(parts, agency_id, marked, span)
            counts = await count_batch(parts, agency_id, marked)
            async with parts.database.transaction(Scope(agency_id)) as session:
                waited = await screen_marked(session, agency_id, marked, parts.rule_sets, counts)
        for seconds in waited:
            figures.DECISION_LAG.observe(seconds)
    except Exception as error:  # noqa: BLE001 - counted already; they come back one by one
        _log.warning("screening_failed", agency_id=str(agency_id), items=len(marked), exc_info=error)
        if is_foreign(error):
            await _forgive(parts, agency_id, marked)


async def _link_batch(parts: Parts, agency_id: UUID, marked: list[UUID], span: Span) -> None:
    """As OpenTelemetry's conventions for messaging have it: one span a batch, linked with what brought its items."""
    if not span.is_recording():
        return
    async with parts.database.transaction(Scope(agency_id)) as session:
        traceparents = await list_traceparents(session, agency_id, marked)
    for link in link_traces(traceparents):
        span.add_link(link.context)
    span.set_attributes({
        "messaging.operation.type": "process",
        "messaging.operation.name": "screen",
        "messaging.destination.name": "items",
        "messaging.batch.message_count": len(marked),
    })  # fmt: skip


async def _forgive(parts: Parts, agency_id: UUID, marked: list[UUID]) -> None:
    """Take back an attempt that the database failed, once it is there again; a long absence keeps it counted."""
    for pause in FORGIVE_AFTER_S:
        await asyncio.sleep(pause)
        try:
            async with parts.database.transaction(Scope(agency_id)) as session:
                await forgive_attempts(session, agency_id, marked)
        except Exception as error:
            if not is_foreign(error):
                raise
        else:
            return
