"""Draining: take one agency's work of one kind, batch by batch, until there is none.

A drain is safe to run twice, in two processes, or to be killed anywhere: what it takes it locks, and what it does it
commits whole. In one process the same drain never runs beside itself; a call meanwhile makes it look once more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import structlog

from veilleur.infra import figures
from veilleur.infra.tracing import open_span
from veilleur.infra.worklist import WorkKind
from veilleur_worker.act import drain_actions
from veilleur_worker.ask import drain_polls
from veilleur_worker.chores import (
    drain_backtests,
    drain_clocks,
    drain_feed,
    drain_rates,
    drain_retargets,
    drain_retention,
    drain_reversals,
    drain_unscreened,
    drain_watch,
)
from veilleur_worker.counting import recount_counters
from veilleur_worker.custody import drain_audit, drain_erasures, drain_offboardings
from veilleur_worker.deliver import drain_deliveries, look_again
from veilleur_worker.fetch_media import drain_media
from veilleur_worker.mail import drain_mails
from veilleur_worker.parts import Parts
from veilleur_worker.provider_calls import drain_providers
from veilleur_worker.reckoning import drain_reckoning
from veilleur_worker.screening import drain_screening
from veilleur_worker.usage import drain_usage

Drain = Callable[[Parts, UUID], Awaitable[None]]

_log = structlog.get_logger(__name__)


class Drains:
    """The drains of one process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._running: dict[tuple[WorkKind, UUID], bool] = {}
        self._tasks: set[asyncio.Task[bool]] = set()

    async def run(self, kind: WorkKind, agency_id: UUID) -> bool:
        """Drain until empty; whether it is. A failure is logged and left to the next sweep.

        A caller that is cancelled leaves its drain running: arq ends jobs that take long, and a batch cut off is work
        done in vain.
        """
        key = (kind, agency_id)
        if key in self._running:
            self._running[key] = True
            if kind in WAITING:
                WAITING[kind](self._parts, agency_id)
            return False
        if self._parts.stopping.is_set():
            return False
        self._running[key] = True
        task = asyncio.create_task(self._drain(kind, agency_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return await asyncio.shield(task)

    async def stop(self, within_s: float) -> None:
        """Let every drain finish the batch it is at, and end those that take longer."""
        self._parts.stopping.set()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=within_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _drain(self, kind: WorkKind, agency_id: UUID) -> bool:
        key = (kind, agency_id)
        try:
            while self._running[key] and not self._parts.stopping.is_set():
                self._running[key] = False
                with open_span(self._parts.tracer, f"drain {kind}"):
                    await DRAINS[kind](self._parts, agency_id)
        except Exception as error:  # noqa: BLE001 - the sweep comes back in a second
            figures.DRAINS.labels(kind, "failed").inc()
            _log.error("drain_failed", kind=kind, agency_id=str(agency_id), error=type(error).__name__, exc_info=error)
            return False
        finally:
            del self._running[key]
        figures.DRAINS.labels(kind, "done").inc()
        return not self._parts.stopping.is_set()


DRAINS: Mapping[WorkKind, Drain] = {
    "screening": drain_screening,
    "unscreened": drain_unscreened,
    "delivery": drain_deliveries,
    "sla": drain_clocks,
    "retarget": drain_retargets,
    "media": drain_media,
    "feed": drain_feed,
    "retention": drain_retention,
    "poll": drain_polls,
    "reversal": drain_reversals,
    "counters": recount_counters,
    "backtest": drain_backtests,
    "rates": drain_rates,
    "providers": drain_providers,
    "usage": drain_usage,
    "audit": drain_audit,
    "erasure": drain_erasures,
    "action": drain_actions,
    "watch": drain_watch,
    "offboarding": drain_offboardings,
    "reckoning": drain_reckoning,
    "mail": drain_mails,
}

WAITING: Mapping[WorkKind, Callable[[Parts, UUID], None]] = {"delivery": look_again}
"""Drains that mostly wait for others: what a call does at once while they run."""
