"""How facts and records compare, and how what was found of some days joins what was found of others; pure."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from veilleur.domain.billing.period import Period

MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Stretch:
    """Days of a client, in a zone; those of a billing period, or of none."""

    agency_id: UUID
    client_id: UUID
    time_zone: str
    days: Period
    period_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class MeterCount:
    """`erased`: records whose fact is known to have been erased; they differ from nothing."""

    facts: int
    records: int
    fact_quantity: Decimal
    record_quantity: Decimal
    differences: int
    erased: int

    def add(self, other: "MeterCount") -> "MeterCount":
        return MeterCount(
            self.facts + other.facts,
            self.records + other.records,
            self.fact_quantity + other.fact_quantity,
            self.record_quantity + other.record_quantity,
            self.differences + other.differences,
            self.erased + other.erased,
        )


@dataclass(frozen=True, slots=True)
class Agreement:
    """By meter, and the rows that differ, the first of them."""

    counts: Mapping[str, MeterCount]
    findings: Sequence[dict[str, Any]] = ()
    differences: int = 0

    def join(self, other: "Agreement") -> "Agreement":
        counts = dict(self.counts)
        for meter, count in other.counts.items():
            counts[meter] = counts[meter].add(count) if meter in counts else count
        findings = [*self.findings, *other.findings][:MOST_FINDINGS]
        return replace(self, counts=counts, findings=findings, differences=self.differences + other.differences)

    @property
    def meters(self) -> list[dict[str, Any]]:
        """Quantities are text."""
        return [_show_count(meter, self.counts[meter]) for meter in sorted(self.counts)]

    @property
    def digest(self) -> str:
        told = json.dumps([self.meters, list(self.findings)], sort_keys=True)
        return hashlib.sha256(told.encode()).hexdigest()


NOTHING_COMPARED = Agreement({})


def cut_days(days: Period, counted: Iterable[tuple[date, int]], most_records: int, most_days: int) -> list[Period]:
    """The same days in slices, each of so many records and days at most; a day is never cut."""
    records = dict(counted)
    slices: list[Period] = []
    first, held, day = days.first, 0, days.first
    while day < days.past:
        more = records.get(day, 0)
        if day > first and (held + more > most_records or (day - first).days >= most_days):
            slices.append(Period(first, day))
            first, held = day, 0
        held += more
        day += timedelta(days=1)
    return [*slices, Period(first, days.past)]


def _show_count(meter: str, count: MeterCount) -> dict[str, Any]:
    return {
        "meter": meter,
        "facts": count.facts,
        "records": count.records,
        "fact_quantity": f"{count.fact_quantity.normalize():f}",
        "record_quantity": f"{count.record_quantity.normalize():f}",
        "differences": count.differences,
        "erased": count.erased,
    }
