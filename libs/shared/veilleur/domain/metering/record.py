"""Counting a fact, in the fact's own transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.metering.models import UsageRecord
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work

Meter: TypeAlias = str
WATCHED_WITHIN_S = 20
"""So long sums wait to be packed and thresholds to be looked at."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One countable fact of a client; `quantity` in the meter's own unit (items, decisions, seconds)."""

    client_id: UUID
    time_zone: str
    meter: Meter
    occurred_at: datetime
    quantity: Decimal = Decimal(1)
    source_id: UUID | None = None
    item_id: UUID | None = None
    decision_id: UUID | None = None
    member_id: UUID | None = None
    billable: bool = True
    reason: str | None = None
    corrects_id: UUID | None = None
    """The earlier record that this one takes back or remarks upon."""
    fact_id: UUID | None = None
    """What was counted, where that is neither an item received nor a decision."""
    dims: dict[str, Any] = field(default_factory=dict)


COUNT_RECEIVED = """
counted AS (
  INSERT INTO usage_records (agency_id, id, client_id, source_id, meter, quantity, occurred_at, local_date, time_zone,
                             billable, dims, item_id)
  SELECT agency_id, id, client_id, source_id, 'items.received', 1, CAST(:present AS timestamptz),
         (CAST(:days AS date[]))[place], (CAST(:zones AS text[]))[place], true,
         jsonb_strip_nulls(jsonb_build_object('network', (CAST(:networks AS text[]))[place], 'kind', kind,
                                              'language', language, 'channel', channel)), id
  FROM (SELECT *, array_position(CAST(:sources AS uuid[]), source_id) AS place FROM stored) AS stored
  WHERE mode = 'live')
"""
"""Counts items in the very statement that stores them, under their own ids: it is the hottest of all facts.

Continues a `WITH stored AS (…)` of rows `(agency_id, id, client_id, source_id, mode, kind, language, channel)`. Tests
and observation are not billed: they leave no record. `days`, `zones` and `networks` belong to `sources`, place by
place.
"""


async def record_usage(session: AsyncSession, agency_id: UUID, facts: Sequence[Usage]) -> None:
    """Append one record a fact; the local day is fixed here, in the client's zone of now."""
    if facts:
        await hint_work(session, agency_id, "usage", in_s=WATCHED_WITHIN_S)
    await insert_rows(session, UsageRecord, [_to_row(fact) for fact in facts], shared={"agency_id": agency_id})


def local_day(instant: datetime, time_zone: str) -> date:
    """The day in the client's zone, by our own zone data: PostgreSQL may know fewer zones."""
    return instant.astimezone(ZoneInfo(time_zone)).date()


def _to_row(fact: Usage) -> dict[str, Any]:
    return {
        "client_id": fact.client_id,
        "source_id": fact.source_id,
        "meter": fact.meter,
        "quantity": fact.quantity,
        "occurred_at": fact.occurred_at,
        "local_date": local_day(fact.occurred_at, fact.time_zone),
        "time_zone": fact.time_zone,
        "billable": fact.billable,
        "reason": fact.reason,
        "dims": fact.dims,
        "item_id": fact.item_id,
        "decision_id": fact.decision_id,
        "member_id": fact.member_id,
        "corrects_id": fact.corrects_id,
        "fact_id": fact.fact_id,
    }
