"""The sweep: every second, drain what nobody rang for. Redis may be away for as long as it likes."""

import asyncio

import structlog

from veilleur.infra.db.session import NOBODY
from veilleur.infra.figures import SWEEPS, SWEPT_AT
from veilleur.infra.watermark import Mark, is_lost, load_mark
from veilleur.infra.worklist import forget_work, list_due_work
from veilleur_worker.drains import Drains
from veilleur_worker.parts import Parts

SWEEP_S = 1.0

_log = structlog.get_logger(__name__)


async def sweep_forever(parts: Parts, drains: Drains) -> None:
    """A sweep a second, whether or not the one before has ended: one agency's backlog must not hold up another."""
    async with asyncio.TaskGroup() as sweeps:
        while True:
            sweeps.create_task(_sweep_safely(parts, drains))
            await asyncio.sleep(SWEEP_S)


async def sweep(parts: Parts, drains: Drains) -> None:
    """Look at every agency that may have work, then forget the hints whose grace is over."""
    await _look_back(parts)
    async with parts.database.transaction(NOBODY) as session:
        due = await list_due_work(session)
        mark = await parts.pulse.beat(session)
    SWEPT_AT.set_to_current_time()
    telling = asyncio.create_task(_tell(parts, mark)) if mark is not None else None
    empty = await asyncio.gather(*(drains.run(kind, agency_id) for kind, agency_id, _ in due))
    if telling is not None:
        await telling
    async with parts.database.transaction(NOBODY) as session:
        for (kind, agency_id, looked_at), is_empty in zip(due, empty, strict=True):
            if is_empty:
                await forget_work(session, agency_id, kind, looked_at)


async def _look_back(parts: Parts) -> None:
    """Before the first beat: had this database come further before it was restored?"""
    if parts.pulse.has_looked_back:
        return
    async with parts.database.transaction(NOBODY) as session:
        mark = await load_mark(session)
    parts.pulse.witnessed = None if mark is None else await parts.witness.ask(mark.name)
    if mark is not None and parts.pulse.witnessed is not None and is_lost(mark.reached_at, parts.pulse.witnessed):
        _log.error("database_restored", lost_from=str(mark.reached_at), lost_until=str(parts.pulse.witnessed))
    parts.pulse.has_looked_back = True


async def _tell(parts: Parts, mark: Mark) -> None:
    """What is committed, and no less than what was known."""
    parts.pulse.witnessed = mark.reached_at
    await parts.witness.tell(mark)


async def _sweep_safely(parts: Parts, drains: Drains) -> None:
    try:
        await sweep(parts, drains)
        SWEEPS.labels("done").inc()
    except Exception as error:  # noqa: BLE001 - the database may be away; the next second tries again
        SWEEPS.labels("failed").inc()
        _log.warning("sweep_failed", error=type(error).__name__)
