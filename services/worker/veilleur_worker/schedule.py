"""The sweep: every second, drain what nobody rang for. Redis may be away for as long as it likes."""

import asyncio

import structlog

from veilleur.infra.db.session import NOBODY
from veilleur.infra.figures import SWEEPS, SWEPT_AT
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
    async with parts.database.transaction(NOBODY) as session:
        due = await list_due_work(session)
        await parts.pulse.beat(session)
    SWEPT_AT.set_to_current_time()
    empty = await asyncio.gather(*(drains.run(kind, agency_id) for kind, agency_id, _ in due))
    async with parts.database.transaction(NOBODY) as session:
        for (kind, agency_id, looked_at), is_empty in zip(due, empty, strict=True):
            if is_empty:
                await forget_work(session, agency_id, kind, looked_at)


async def _sweep_safely(parts: Parts, drains: Drains) -> None:
    try:
        await sweep(parts, drains)
        SWEEPS.labels("done").inc()
    except Exception as error:  # noqa: BLE001 - the database may be away; the next second tries again
        SWEEPS.labels("failed").inc()
        _log.warning("sweep_failed", error=type(error).__name__)
