"""Facts held against records: every fact has its record, every record its fact, and both say the same. No tolerance."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.schedule import bound_period
from veilleur.domain.billing.terms import days_of_period
from veilleur.domain.invoicing.facts import CORRECTIONS, FINDINGS, SUMS, TOTALS, ZONES
from veilleur.domain.invoicing.models import Reconciliation
from veilleur.kernel.ids import new_id, show_id

MOST_FINDINGS = 100
NEAR = timedelta(days=2)
_SHOWN_AS: Mapping[str, Any] = {
    "items.received": "itm", "decision": "dec", "reply": "dec", "review": "dec", "sla": "evt",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Agreement:
    """How facts and records of a period compare: by meter, and the rows that differ, the first of them."""

    meters: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    differences: int

    @property
    def digest(self) -> str:
        told = json.dumps([self.meters, self.findings], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


async def compare_period(session: AsyncSession, period: BillingPeriod) -> Agreement:
    """Reads only. Quantities are text."""
    values = await _bind(session, period)
    totals = (await session.execute(text(TOTALS), values)).mappings().all()
    bounded = values | {"most": MOST_FINDINGS}
    found: list[Mapping[Any, Any]] = []
    differences = sum(row["differences"] for row in totals)
    if differences:
        found += (await session.execute(text(FINDINGS), bounded)).mappings().all()
    for query in (CORRECTIONS, SUMS):
        rows = (await session.execute(text(query), _only(query, bounded))).mappings().all()
        differences += len(rows)
        found += rows
    return Agreement([_show_meter(row) for row in totals], [_show_finding(row) for row in found], differences)


async def reconcile_period(session: AsyncSession, period: BillingPeriod, member_id: UUID | None) -> Reconciliation:
    """Compare, and keep the result with who asked."""
    agreement = await compare_period(session, period)
    kept = Reconciliation(
        agency_id=period.agency_id,
        id=new_id(),
        client_id=period.client_id,
        period_id=period.id,
        made_by=member_id,
        meters=agreement.meters,
        findings=agreement.findings,
        differences=agreement.differences,
        digest=agreement.digest,
    )
    session.add(kept)
    await session.flush()
    await session.refresh(kept)
    return kept


async def find_last_reconciliation(session: AsyncSession, period: BillingPeriod) -> Reconciliation | None:
    query = select(Reconciliation).where(
        Reconciliation.agency_id == period.agency_id, Reconciliation.period_id == period.id
    )
    return (await session.scalars(query.order_by(Reconciliation.id.desc()).limit(1))).one_or_none()


async def _bind(session: AsyncSession, period: BillingPeriod) -> dict[str, Any]:
    contract = await session.get_one(Contract, (period.agency_id, period.contract_id))
    first_at, past_at = bound_period(days_of_period(period), contract.time_zone)
    values: dict[str, Any] = {
        "agency_id": period.agency_id, "client_id": period.client_id, "first": period.starts_on, "past": period.ends_on,
        "first_at": first_at, "past_at": past_at, "near_first": first_at - NEAR, "near_past": past_at + NEAR,
        "near_first_day": period.starts_on - NEAR, "near_past_day": period.ends_on + NEAR,
    }  # fmt: skip
    zones = sorted({*await session.scalars(text(ZONES), _only(ZONES, values)), contract.time_zone})
    return values | _list_days(period, zones)


def _list_days(period: BillingPeriod, zones: Sequence[str]) -> dict[str, Any]:
    """Every day of the period and two around it in each zone, with its instants, by our own zone data."""
    first = period.starts_on - NEAR
    days = [first + timedelta(days=number) for number in range((period.ends_on - first + NEAR).days)]
    rows = [(day, zone, *bound_period(_one(day), zone)) for zone in zones for day in days]
    columns = zip(*rows, strict=True)
    return dict(zip(("days", "zones", "starts", "ends"), map(list, columns), strict=True))


def _one(day: date) -> Period:
    return Period(day, day + timedelta(days=1))


def _only(query: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if re.search(rf":{name}\b", query)}


def _show_meter(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "meter": row["meter"],
        "facts": row["facts"],
        "records": row["records"],
        "fact_quantity": f"{row['fact_quantity'].normalize():f}",
        "record_quantity": f"{row['record_quantity'].normalize():f}",
        "differences": row["differences"],
    }


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
