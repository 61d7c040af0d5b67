"""Draining: take one agency's work of one kind, batch by batch, until there is none.

A drain is safe to run twice, in two processes, or to be killed anywhere: what it takes it locks, and what it does it
commits whole. In one process the same drain never runs beside itself; a call meanwhile makes it look once more.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import structlog

from veilleur.domain.decisions.reverse_many import advance_reversal
from veilleur.domain.intake.retention import drop_old_receipts, drop_old_unstored
from veilleur.domain.outbox.retention import drop_old_events
from veilleur.domain.outbox.sequence import sequence_events
from veilleur.domain.oversight.settle_reach import settle_reach
from veilleur.domain.oversight.tally_hours import tally_hours
from veilleur.domain.oversight.watch import begin_look, look
from veilleur.domain.providers.retention import drop_old_answers
from veilleur.domain.review.retarget import retarget_batch
from veilleur.domain.review.snapshot_media import Fetch, begin_fetches, drop_old_snapshots, finish_fetch
from veilleur.domain.screening.overdue import raise_overdue
from veilleur.domain.sla.sweep import sweep_due_clocks
from veilleur.domain.tenancy.log_in import drop_old_sessions
from veilleur.domain.trials.advance import advance_backtest, mark_backtest
from veilleur.domain.trials.watch import watch_rates
from veilleur.infra import figures
from veilleur.infra.db.session import Scope
from veilleur.infra.tracing import open_span
from veilleur.infra.worklist import WorkKind, hint_work
from veilleur_worker.act import drain_actions
from veilleur_worker.ask import drain_polls
from veilleur_worker.counting import recount_counters
from veilleur_worker.custody import drain_audit, drain_erasures, drain_offboardings, drop_by_terms
from veilleur_worker.deliver import drain_deliveries, look_again
from veilleur_worker.fetch_media import fetch_media
from veilleur_worker.mail import drain_mails
from veilleur_worker.parts import Parts
from veilleur_worker.provider_calls import drain_providers
from veilleur_worker.reckoning import drain_reckoning
from veilleur_worker.screening import drain_screening, is_screening
from veilleur_worker.usage import drain_usage

MEDIA_BATCH = 8
"""Fetched at once, 10 MiB each at most."""
SLA_BATCH = 1_000
RETARGET_BATCH = 500
REACH_BATCH = 500
FEED_BATCH = 1_000
RETENTION_BATCH = 1_000
REVERSAL_BATCH = 100
BACKTEST_S = 8.0
"""How long backtests go on before they ring for themselves again: shorter than a ring's job may take."""

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


async def drain_clocks(parts: Parts, agency_id: UUID) -> None:
    """Notice warnings and deadlines that have passed."""
    while True:
        async with parts.database.transaction(Scope(agency_id)) as session:
            swept = await sweep_due_clocks(session, agency_id, SLA_BATCH)
        figures.SLA_BREACHES.inc(swept.breaches)
        if swept.clocks < SLA_BATCH:
            return


async def drain_retargets(parts: Parts, agency_id: UUID) -> None:
    """Let open clocks count by changed terms."""
    more = True
    while more:
        async with parts.database.transaction(Scope(agency_id)) as session:
            more = await retarget_batch(session, agency_id, RETARGET_BATCH)


async def drain_media(parts: Parts, agency_id: UUID) -> None:
    """Fetch what cases are about, some at once; each is recorded when it is done."""
    while not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            fetches = await begin_fetches(session, agency_id, MEDIA_BATCH)
        if not fetches:
            return
        await asyncio.gather(*(_snapshot(parts, agency_id, fetch) for fetch in fetches))


async def drain_unscreened(parts: Parts, agency_id: UUID) -> None:
    """Raise what is still unscreened past its target."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        await raise_overdue(session, agency_id)


async def drain_feed(parts: Parts, agency_id: UUID) -> None:
    """Give committed events their place in the feed."""
    while True:
        async with parts.database.transaction(Scope(agency_id)) as session:
            placed = await sequence_events(session, agency_id, FEED_BATCH)
        if placed < FEED_BATCH:
            return


async def drain_retention(parts: Parts, agency_id: UUID) -> None:
    """Delete what is past keeping."""
    for drop in (
        drop_old_events,
        drop_old_receipts,
        drop_old_unstored,
        drop_old_snapshots,
        drop_old_answers,
        drop_old_sessions,
    ):
        dropped = RETENTION_BATCH
        while dropped == RETENTION_BATCH:
            async with parts.database.transaction(Scope(agency_id)) as session:
                dropped = await drop(session, agency_id, RETENTION_BATCH)
    await drop_by_terms(parts, agency_id)


async def drain_reversals(parts: Parts, agency_id: UUID) -> None:
    """Take back what jobs ask for, one batch a transaction."""
    advanced = True
    while advanced:
        async with parts.database.transaction(Scope(agency_id)) as session:
            advanced = await advance_reversal(session, agency_id, REVERSAL_BATCH)


async def drain_backtests(parts: Parts, agency_id: UUID) -> None:
    """Go on with backtests, a batch a commit; while anything is screened they take half of the time at most."""
    loop = asyncio.get_running_loop()
    until = loop.time() + BACKTEST_S
    while (began := loop.time()) < until and not parts.stopping.is_set():
        async with parts.database.transaction(Scope(agency_id)) as session:
            backtest_id = await mark_backtest(session, agency_id)
        if backtest_id is None:
            parts.shelf.clear()
            return
        async with parts.database.transaction(Scope(agency_id)) as session:
            await advance_backtest(session, agency_id, backtest_id, parts.shelf)
        await asyncio.sleep(loop.time() - began if is_screening() else 0)
    async with parts.database.transaction(Scope(agency_id)) as session:
        await hint_work(session, agency_id, "backtest")


async def drain_rates(parts: Parts, agency_id: UUID) -> None:
    """Count how often rules fired."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        await watch_rates(session, agency_id)


async def drain_watch(parts: Parts, agency_id: UUID) -> None:
    """Look for a silent source, for work that nobody on shift may do, and for clients that can't be reached."""
    async with parts.database.transaction(Scope(agency_id)) as session:
        begun = counting = await begin_look(session, agency_id)
    while counting:
        async with parts.database.transaction(Scope(agency_id)) as session:
            counting = await tally_hours(session, agency_id)
    settling = begun
    while settling:
        async with parts.database.transaction(Scope(agency_id)) as session:
            settling = await settle_reach(session, agency_id, REACH_BATCH)
    if begun:
        async with parts.database.transaction(Scope(agency_id)) as session:
            await look(session, agency_id)


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


async def _snapshot(parts: Parts, agency_id: UUID, fetch: Fetch) -> None:
    result = await fetch_media(parts, agency_id, fetch)
    async with parts.database.transaction(Scope(agency_id)) as session:
        await finish_fetch(session, agency_id, fetch, result)
