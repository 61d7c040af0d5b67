"""A backtest going on, batch by batch: each is one commit with its cursor, so a killed worker loses one batch of work.

As with screening the attempt is counted in a commit of its own: a version that kills processes ends as failed.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.outcome import show_outcome
from veilleur.domain.screening.contexts import StoredContext, read_contexts
from veilleur.domain.screening.models import StoredEvaluation
from veilleur.domain.trials.backtests import end_backtest
from veilleur.domain.trials.compare import (
    Bench,
    People,
    Trial,
    compare_contexts,
    load_people,
    set_up_bench,
)
from veilleur.domain.trials.models import UNFINISHED, Backtest, BacktestState, LabelledItem
from veilleur.domain.trials.shelf import Shelf
from veilleur.domain.trials.tally import Tally, read_tally
from veilleur.infra.worklist import hint_work
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id

BATCH = 1_000
MAX_ATTEMPTS = 5

_NOTHING = UUID(int=0)


async def mark_backtest(session: AsyncSession, agency_id: UUID) -> UUID | None:
    """Count an attempt at the oldest unfinished backtest that nobody else is at."""
    unfinished = select(Backtest).where(Backtest.agency_id == agency_id, Backtest.state.in_(UNFINISHED))
    oldest = unfinished.order_by(Backtest.id).limit(1).with_for_update(skip_locked=True)
    backtest = (await session.scalars(oldest)).one_or_none()
    if backtest is None:
        return None
    await hint_work(session, agency_id, "backtest", in_s=1)
    if backtest.attempts >= MAX_ATTEMPTS:
        await end_backtest(session, backtest, BacktestState.FAILED)
        return backtest.id
    backtest.attempts += 1
    await session.flush()
    return backtest.id


async def advance_backtest(
    session: AsyncSession, agency_id: UUID, backtest_id: UUID, shelf: Shelf, batch: int = BATCH
) -> int:
    """Work through the next batch; how many contexts that were."""
    mine = (Backtest.agency_id == agency_id, Backtest.id == backtest_id, Backtest.state.in_(UNFINISHED))
    backtest = (await session.scalars(select(Backtest).where(*mine).with_for_update(skip_locked=True))).one_or_none()
    if backtest is None:
        return 0
    if backtest.state == BacktestState.QUEUED:
        await _begin(session, backtest)
    contexts, people = await _read_batch(session, backtest, min(batch, backtest.wanted - backtest.done))
    if contexts:
        await _count_batch(session, backtest, contexts, people, shelf)
    backtest.attempts = 0
    await session.flush()
    if not contexts or backtest.done >= backtest.wanted:
        await end_backtest(session, backtest, BacktestState.DONE)
    return len(contexts)


async def _begin(session: AsyncSession, backtest: Backtest) -> None:
    backtest.state = BacktestState.RUNNING
    backtest.started_at = (await session.execute(select(func.app_now()))).scalar_one()
    backtest.total = backtest.wanted
    if backtest.kind == "stored":
        table = StoredEvaluation
        there = select(table.id).where(
            table.agency_id == backtest.agency_id,
            table.client_id == backtest.client_id,
            table.evaluated_at <= backtest.until,
        )
        if backtest.since is not None:
            there = there.where(table.evaluated_at >= backtest.since)
        counted = select(func.count()).select_from(there.limit(backtest.wanted).subquery())
        backtest.total = (await session.execute(counted)).scalar_one()


async def _read_batch(
    session: AsyncSession, backtest: Backtest, limit: int
) -> tuple[Sequence[StoredContext], People]:  # fmt: skip
    if backtest.kind == "labelled":
        return await _read_labelled(session, backtest, limit)
    after = (backtest.cursor_at or backtest.until, backtest.cursor_id or UUID(int=2**128 - 1))
    page = await read_contexts(session, backtest.agency_id, backtest.client_id, after=after, limit=limit)
    contexts = [one for one in page if backtest.since is None or one.evaluated_at >= backtest.since]
    return contexts, await load_people(session, backtest.agency_id, contexts) if contexts else {}


async def _read_labelled(
    session: AsyncSession, backtest: Backtest, limit: int
) -> tuple[Sequence[StoredContext], People]:  # fmt: skip
    """As contexts without a past; the item's id is its place."""
    table = LabelledItem
    rows = await session.scalars(
        select(table)
        .where(table.agency_id == backtest.agency_id, table.backtest_id == backtest.id)
        .where(table.position >= backtest.done)
        .order_by(table.position)
        .limit(limit)
    )
    labelled = list(rows)
    contexts = [as_context(row.item, UUID(int=row.position), backtest.created_at) for row in labelled]
    return contexts, {(UUID(int=row.position), 1): row.label for row in labelled}


def as_context(item: dict[str, Any], place: UUID, at: datetime) -> StoredContext:
    return StoredContext(
        evaluation_id=place,
        item_id=place,
        revision=1,
        item=item,
        received_at=at,
        evaluated_at=at,
        rule_set_version=None,
        facts={},
        trace={},
        outcome={"escalate": {"queue": None, "priority": "normal"}},
    )


async def _count_batch(
    session: AsyncSession, backtest: Backtest, contexts: Sequence[StoredContext], people: People, shelf: Shelf
) -> None:
    trial = Trial(backtest.client_id, backtest.version, backtest.against)
    bench = await set_up_bench(session, backtest.agency_id, trial, contexts, shelf)
    tally = read_tally(backtest.tally)
    for context, one in zip(contexts, await compare_contexts(bench, contexts, people), strict=True):
        if tally.add(one):
            tally.keep_sample(one.name, _show_flip(bench, context, people, stored=backtest.kind == "stored"))
    await _keep_progress(session, backtest, tally, contexts)


def _show_flip(bench: Bench, context: StoredContext, people: People, *, stored: bool) -> dict[str, Any]:
    """Ids, both answers and the places in the text: for people who may open the item, and no content."""
    after = bench.after.evaluate(context)
    deciding = [match for match in after.matched if match.rule == after.decided_by]
    before = context.outcome if bench.before is None else show_outcome(bench.before.answer(context)[0])
    return {
        "item": show_id("itm", context.item_id) if stored else None,
        "position": None if stored else context.item_id.int,
        "external_id": context.item.get("external_id"),
        "revision": context.revision,
        "evaluated_at": to_rfc3339(context.evaluated_at),
        "before": before,
        "after": show_outcome(after.outcome),
        "rule_before": None if bench.before is None else bench.before.answer(context)[1],
        "rule_after": after.decided_by,
        "spans": [list(span) for match in deciding for span in match.spans],
        "person": people.get((context.item_id, context.revision)),
    }


async def _keep_progress(
    session: AsyncSession, backtest: Backtest, tally: Tally, contexts: Sequence[StoredContext]
) -> None:
    await session.execute(
        update(Backtest)
        .where(Backtest.agency_id == backtest.agency_id, Backtest.id == backtest.id)
        .values(tally=tally.to_json())
    )
    backtest.cursor_at, backtest.cursor_id = contexts[-1].place
    backtest.done += len(contexts)
