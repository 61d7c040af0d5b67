"""What a backtest found, for the people who decide whether to publish."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.metering.models import UsageRecord
from veilleur.domain.trials.blast import Blast
from veilleur.domain.trials.models import Backtest
from veilleur.domain.trials.standpoint import KINDS
from veilleur.domain.trials.tally import Tally, read_tally
from veilleur.domain.trials.workload import Load, Span, weigh_load
from veilleur.kernel.ids import show_id

REVIEWS = 1_000
"""Latest reviews whose median length stands for the next ones."""


async def describe_backtest(session: AsyncSession, backtest: Backtest, limit_percent: float) -> dict[str, Any]:
    """Progress, and the figures as far as it has come."""
    tally = read_tally(backtest.tally)
    seconds = await find_median_review(session, backtest.agency_id, backtest.client_id)
    blast = Blast(tally.contexts, tally.harsher, tally.milder)
    return {
        **summarize_backtest(backtest),
        "outcomes": {side: {kind: counts.get(kind, 0) for kind in KINDS} for side, counts in tally.kinds.items()},
        "flipped": sum(tally.flips.values()),
        "flips": tally.show_flips(),
        "blast": blast.show(limit_percent) | {"needs_second_person": blast.exceeds(limit_percent)},
        "against_people": {side: confusion.show() for side, confusion in tally.judged.items()},
        "workload": weigh_load(
            Load(tally.queues["before"], tally.queues["after"]), seconds, _find_span(backtest, tally)
        ),
        "samples": [tally.samples[key] for key in sorted(tally.samples)],
    }


def summarize_backtest(backtest: Backtest) -> dict[str, Any]:
    total = backtest.total
    return {
        "id": show_id("bkt", backtest.id),
        "client": show_id("cli", backtest.client_id),
        "version": backtest.version,
        "against": backtest.against,
        "kind": backtest.kind,
        "from": backtest.since,
        "to": backtest.until,
        "state": backtest.state,
        "done": backtest.done,
        "total": total,
        "progress": None if total is None else 1.0 if not total else round(min(1.0, backtest.done / total), 4),
        "requested_by": backtest.requested_by,
        "created_at": backtest.created_at,
        "started_at": backtest.started_at,
        "finished_at": backtest.finished_at,
    }


async def find_median_review(session: AsyncSession, agency_id: UUID, client_id: UUID) -> float | None:
    """Seconds a person takes for one of this client's cases; None before anybody has."""
    table = UsageRecord
    latest = (
        select(table.quantity)
        .where(
            table.agency_id == agency_id,
            table.client_id == client_id,
            table.meter == "review.seconds",
            table.corrects_id.is_(None),
        )
        .order_by(table.local_date.desc())
        .limit(REVIEWS)
        .subquery()
    )
    median = select(func.percentile_cont(0.5).within_group(latest.c.quantity))
    found = (await session.execute(median)).scalar_one()
    return None if found is None else float(found)


def _find_span(backtest: Backtest, tally: Tally) -> Span | None:
    """Labelled items are no stretch of time."""
    if backtest.kind == "labelled" or tally.first is None or tally.last is None:
        return None
    return Span(tally.contexts, tally.first, tally.last)
