"""The installation's figures, measured agency by agency under row-level security and added up.

No role sees across agencies, and none is made for this: the hints name the agencies that may have work, and each is
counted in a transaction of its own scope, as any request of theirs would be. One measurement serves everybody who asks
within `FRESH_S`, and ends after `WITHIN_S` whatever it has.
"""

import asyncio
import time
from dataclasses import dataclass, field
from functools import reduce
from typing import get_args
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from veilleur.domain.oversight.load import Load, measure_load
from veilleur.infra import figures
from veilleur.infra.db.session import NOBODY, Database, Scope
from veilleur.infra.heartbeat import list_workers
from veilleur.infra.worklist import WorkKind, list_late_work

FRESH_S = 5.0
WITHIN_S = 2.0
AT_ONCE = 4
"""Connections that a measurement takes at most."""

_WITH_WORK = text("SELECT DISTINCT agency_id FROM work_hints WHERE due_at <= app_now()")

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Measurer:
    """One measurement at a time for a whole process."""

    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _measured_at: float = float("-inf")

    async def refresh(self, database: Database) -> None:
        """Set the gauges; a database that is away leaves them as they are and says so."""
        async with self._lock:
            if time.monotonic() < self._measured_at + FRESH_S:
                return
            try:
                async with asyncio.timeout(WITHIN_S):
                    await _measure(database)
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                _log.warning("installation_not_measured", error=type(error).__name__)
                figures.MEASURED.set(0)
            else:
                figures.MEASURED.set(1)
            self._measured_at = time.monotonic()


async def _measure(database: Database) -> None:
    async with database.transaction(NOBODY) as session:
        agencies = list(await session.scalars(_WITH_WORK))
        late = await list_late_work(session)
        workers = await list_workers(session)
    loads = await _measure_each(database, agencies)
    _tell(reduce(Load.join, loads, Load()))
    figures.AGENCIES_WITH_WORK.set(len(agencies))
    figures.AGENCIES_UNMEASURED.set(len(agencies) - len(loads))
    for kind in get_args(WorkKind):
        figures.WORK_LATE.labels(kind).set(late.get(kind, 0.0))
    alive = sum(worker.alive for worker in workers)
    figures.WORKERS.labels("alive").set(alive)
    figures.WORKERS.labels("gone").set(len(workers) - alive)


async def _measure_each(database: Database, agencies: list[UUID]) -> list[Load]:
    """What could be measured in three quarters of the time; those left out are counted, not guessed."""
    until = time.monotonic() + WITHIN_S * 0.75
    waiting = iter(agencies)
    loads: list[Load] = []

    async def work() -> None:
        for agency_id in waiting:
            if time.monotonic() > until:
                return
            async with database.transaction(Scope(agency_id)) as session:
                loads.append(await measure_load(session, agency_id))

    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(work())
    return loads


def _tell(load: Load) -> None:
    figures.BACKLOG_ITEMS.set(load.received)
    figures.BACKLOG_OLDEST.set(load.received_age_s)
    figures.OUTBOX_DUE.set(load.deliveries_due)
    figures.OUTBOX_OLDEST.set(load.delivery_age_s)
    figures.CLOCKS_LATE.set(load.clocks_late)
