"""Facts held against records: every fact has its record, every record its fact, and both say the same. No tolerance.

They are compared in slices of days, so that no statement grows with the month. A fact and its record are committed
together: every snapshot shows both or neither, and each slice may have its own.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.schedule import bound_period
from veilleur.domain.billing.terms import days_of_period
from veilleur.domain.invoicing.agreement import (
    MOST_FINDINGS,
    NOTHING_COMPARED,
    Agreement,
    MeterCount,
    Stretch,
    cut_days,
)
from veilleur.domain.invoicing.facts import CORRECTIONS, FINDINGS, SUMS, TOTALS, ZONES
from veilleur.domain.invoicing.models import Reconciliation
from veilleur.domain.metering.models import UsageSum
from veilleur.infra.db.session import Database, Scope
from veilleur.kernel.ids import new_id, show_id

MOST_RECORDS = 200_000
"""Of a slice, unless one day has more: compared in a fraction of what a statement may take."""
MOST_DAYS = 7
"""Of a slice: facts that were never counted are no records, and still have to be read."""
NEAR = timedelta(days=2)
NOWHERE = timedelta(0)
_SHOWN_AS: Mapping[str, Any] = {
    "items.received": "itm", "decision": "dec", "reply": "dec", "review": "dec", "sla": "evt",
}  # fmt: skip


async def compare_apart(database: Database, stretch: Stretch) -> Agreement:
    """Slice after slice, each in a transaction of its own: none lasts longer than one slice. Reads only."""
    scope = Scope(stretch.agency_id)
    async with database.transaction(scope) as session:
        slices = await list_slices(session, stretch)
    agreement = NOTHING_COMPARED
    for days in slices:
        async with database.transaction(scope) as session:
            agreement = agreement.join(await compare_slice(session, stretch, days))
    return agreement


async def compare_within(session: AsyncSession, stretch: Stretch) -> Agreement:
    """As `compare_apart`, in one transaction. Reads only."""
    agreement = NOTHING_COMPARED
    for days in await list_slices(session, stretch):
        agreement = agreement.join(await compare_slice(session, stretch, days))
    return agreement


async def find_stretch(session: AsyncSession, period: BillingPeriod) -> Stretch:
    """All days of a period."""
    contract = await session.get_one(Contract, (period.agency_id, period.contract_id))
    return Stretch(period.agency_id, period.client_id, contract.time_zone, days_of_period(period), period.id)


async def list_slices(session: AsyncSession, stretch: Stretch) -> list[Period]:
    query = (
        select(UsageSum.local_date, func.sum(UsageSum.records))
        .where(
            UsageSum.agency_id == stretch.agency_id,
            UsageSum.client_id == stretch.client_id,
            UsageSum.local_date >= stretch.days.first,
            UsageSum.local_date < stretch.days.past,
        )
        .group_by(UsageSum.local_date)
    )
    counted = [(day, int(records)) for day, records in await session.execute(query)]
    return cut_days(stretch.days, counted, MOST_RECORDS, MOST_DAYS)


async def compare_slice(session: AsyncSession, stretch: Stretch, days: Period) -> Agreement:
    """Some of its days. The days around them are looked at only when something found no counterpart in these."""
    values = await _bind(session, stretch, days, NOWHERE)
    totals = (await session.execute(text(TOTALS), values)).mappings().all()
    found: list[Mapping[Any, Any]] = []
    if any(row["differences"] for row in totals):
        values = await _bind(session, stretch, days, NEAR)
        totals = (await session.execute(text(TOTALS), values)).mappings().all()
    bounded = values | {"most": MOST_FINDINGS}
    differences = sum(row["differences"] for row in totals)
    if differences:
        found += (await session.execute(text(FINDINGS), bounded)).mappings().all()
    for query in (CORRECTIONS, SUMS):
        rows = (await session.execute(text(query), _only(query, bounded))).mappings().all()
        differences += len(rows)
        found += rows
    counts = {row["meter"]: _read_count(row) for row in totals}
    return Agreement(counts, [_show_finding(row) for row in found][:MOST_FINDINGS], differences)


async def keep_reconciliation(
    session: AsyncSession, stretch: Stretch, agreement: Agreement, member_id: UUID | None
) -> Reconciliation:
    """What came of comparing, with who asked; None: the night."""
    kept = write_reconciliation(stretch, agreement, member_id)
    session.add(kept)
    await session.flush()
    await session.refresh(kept)
    return kept


def write_reconciliation(stretch: Stretch, agreement: Agreement, member_id: UUID | None) -> Reconciliation:
    return Reconciliation(
        agency_id=stretch.agency_id,
        id=new_id(),
        client_id=stretch.client_id,
        period_id=stretch.period_id,
        starts_on=stretch.days.first,
        ends_on=stretch.days.past,
        made_by=member_id,
        meters=agreement.meters,
        findings=list(agreement.findings),
        differences=agreement.differences,
        digest=agreement.digest,
    )


async def _bind(session: AsyncSession, stretch: Stretch, days: Period, near: timedelta) -> dict[str, Any]:
    first_at, past_at = bound_period(days, stretch.time_zone)
    values: dict[str, Any] = {
        "agency_id": stretch.agency_id, "client_id": stretch.client_id, "first": days.first, "past": days.past,
        "all_first": stretch.days.first, "all_past": stretch.days.past, "first_at": first_at, "past_at": past_at,
        "near_first": first_at - near, "near_past": past_at + near,
        "near_first_day": days.first - near, "near_past_day": days.past + near,
    }  # fmt: skip
    zones = sorted({*await session.scalars(text(ZONES), _only(ZONES, values)), stretch.time_zone})
    return values | _list_days(days, zones)


def _list_days(slice_of: Period, zones: Sequence[str]) -> dict[str, Any]:
    """Each of these days and two around them in each zone, with its instants, by our own zone data."""
    first = slice_of.first - NEAR
    days = [first + timedelta(days=number) for number in range((slice_of.past - first + NEAR).days)]
    rows = [(day, zone, *bound_period(_one(day), zone)) for zone in zones for day in days]
    columns = zip(*rows, strict=True)
    return dict(zip(("days", "zones", "starts", "ends"), map(list, columns), strict=True))


def _one(day: date) -> Period:
    return Period(day, day + timedelta(days=1))


def _only(query: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if re.search(rf":{name}\b", query)}


def _read_count(row: Mapping[Any, Any]) -> MeterCount:
    return MeterCount(
        row["facts"], row["records"], row["fact_quantity"], row["record_quantity"], row["differences"], row["erased"]
    )


def _show_finding(row: Mapping[Any, Any]) -> dict[str, Any]:
    shown = {"meter": row["meter"], "finding": row["finding"]}
    if row["fact"] is not None:
        shown["fact"] = show_id(_prefix(row["meter"]), row["fact"])
    if row["record"] is not None:
        shown["record"] = show_id("usg", row["record"])
    for name in ("expected", "quantity"):
        if row[name] is not None:
            shown[name] = f"{row[name].normalize():f}"
    return shown


def _prefix(meter: str) -> Any:
    """Of the fact: an item, a decision, an event of a clock, or an entry."""
    return _SHOWN_AS.get(meter) or _SHOWN_AS.get(meter.partition(".")[0], "uen")
