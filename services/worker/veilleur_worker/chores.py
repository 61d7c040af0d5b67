"""Drains that are no more than a loop of transactions, each of them a batch."""

import asyncio
from uuid import UUID

from veilleur.domain.decisions.reverse_many import advance_reversal
from veilleur.domain.intake.retention import drop_old_receipts, drop_old_unstored
from veilleur.domain.outbox.retention import drop_old_events
from veilleur.domain.outbox.sequence import sequence_events
from veilleur.domain.oversight.settle_reach import settle_reach
from veilleur.domain.oversight.tally_hours import tally_hours
from veilleur.domain.oversight.watch import begin_look, look
from veilleur.domain.providers.retention import drop_old_answers
from veilleur.domain.review.retarget import retarget_batch
from veilleur.domain.review.snapshot_media import drop_old_snapshots
from veilleur.domain.screening.overdue import raise_overdue
from veilleur.domain.sla.sweep import sweep_due_clocks
from veilleur.domain.tenancy.log_in import drop_old_sessions
from veilleur.domain.trials.advance import advance_backtest, mark_backtest
from veilleur.domain.trials.watch import watch_rates
from veilleur.infra import figures
from veilleur.infra.db.session import Scope
from veilleur.infra.worklist import hint_work
from veilleur_worker.custody import drop_by_terms
from veilleur_worker.parts import Parts
from veilleur_worker.screening import is_screening

SLA_BATCH = 1_000
RETARGET_BATCH = 500
REACH_BATCH = 500
FEED_BATCH = 1_000
RETENTION_BATCH = 1_000
REVERSAL_BATCH = 100
BACKTEST_S = 8.0
"""How long backtests go on before they ring for themselves again: shorter than a ring's job may take."""


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
