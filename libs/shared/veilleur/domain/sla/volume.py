"""Counting what a capped class is promised for: the first so many items of a period, the rest is beyond."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.policy import CaseFacts, Metric, choose_rule
from veilleur.domain.sla.terms import Terms
from veilleur.kernel.ids import new_id


@dataclass(frozen=True, slots=True)
class Ask:
    """An item that is to be promised for."""

    client_id: UUID
    terms: Terms
    facts: CaseFacts
    asked_at: datetime


_Period = tuple[UUID, str, datetime]

# In the order of the key: two batches that count the same periods wait for each other, never in a circle.
_COUNT = text("""
INSERT INTO sla_volumes (agency_id, id, client_id, target_class, period_start, promised)
SELECT :agency_id, t.* FROM unnest(CAST(:ids AS uuid[]), CAST(:clients AS uuid[]), CAST(:classes AS text[]),
  CAST(:starts AS timestamptz[]), CAST(:counts AS integer[])) AS t(id, client_id, target_class, period_start, promised)
ORDER BY 3, 4, 5
ON CONFLICT (agency_id, client_id, target_class, period_start)
DO UPDATE SET promised = sla_volumes.promised + excluded.promised
RETURNING client_id, target_class, period_start, promised
""")


async def admit_volume(
    session: AsyncSession, agency_id: UUID, asks: Sequence[Ask], metrics: Sequence[Metric]
) -> list[CaseFacts]:
    """The facts of each ask, `over_volume` where its class has had its items of the period; counts them.

    Only decisions are capped. The row of a period is locked until the commit: capped classes take turns.
    """
    rules = [choose_rule(ask.terms.policy, ask.facts) for ask in asks]
    periods: list[_Period | None] = [
        (ask.client_id, rule["class"], _period_start(ask, rule)) if "volume" in rule and metric == "decision" else None
        for ask, rule, metric in zip(asks, rules, metrics, strict=True)
    ]
    counted = await _count(session, agency_id, Counter(period for period in periods if period is not None))
    admitted: list[CaseFacts] = []
    for ask, rule, period in zip(asks, rules, periods, strict=True):
        if period is not None:
            counted[period] += 1
        over = period is not None and counted[period] > rule["volume"]["items"]
        admitted.append(replace(ask.facts, over_volume=over))
    return admitted


def start_of_period(at: datetime, per: str, zone: ZoneInfo) -> datetime:
    """Where the hour, day, week (from Monday) or month of an instant begins in a time zone."""
    local = at.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    midnight = local.replace(hour=0, fold=0)
    starts = {
        "hour": local,
        "day": midnight,
        "week": midnight - timedelta(days=midnight.weekday()),
        "month": midnight.replace(day=1),
    }
    return starts[per].astimezone(UTC)


def _period_start(ask: Ask, rule: Any) -> datetime:
    return start_of_period(ask.asked_at, rule["volume"]["per"], ZoneInfo(ask.terms.time_zone))


async def _count(session: AsyncSession, agency_id: UUID, wanted: Counter[_Period]) -> dict[_Period, int]:
    """How many had been promised for in each period before these."""
    if not wanted:
        return {}
    clients, classes, starts = zip(*wanted, strict=True)
    values = {
        "agency_id": agency_id,
        "ids": [new_id() for _ in wanted],
        "clients": list(clients),
        "classes": list(classes),
        "starts": list(starts),
        "counts": list(wanted.values()),
    }
    rows = (await session.execute(_COUNT, values)).all()
    totals = {(row.client_id, row.target_class, row.period_start): row.promised for row in rows}
    return {period: totals[period] - number for period, number in wanted.items()}
