"""Counting a fact, in the fact's own transaction."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.kernel.ids import new_id

Meter = Literal["items.received", "decision.auto", "decision.human", "review.seconds"]


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
    dims: dict[str, Any] = field(default_factory=dict)


_INSERT = text("""
INSERT INTO usage_records (agency_id, id, client_id, source_id, meter, quantity, occurred_at, local_date, time_zone,
                           billable, reason, dims, item_id, decision_id, member_id)
SELECT :agency_id, t.id, t.client_id, t.source_id, t.meter, t.quantity, t.occurred_at, t.local_date, t.time_zone,
       t.billable, t.reason, CAST(t.dims AS jsonb), t.item_id, t.decision_id, t.member_id
FROM unnest(CAST(:id AS uuid[]), CAST(:client_id AS uuid[]), CAST(:source_id AS uuid[]), CAST(:meter AS text[]),
            CAST(:quantity AS numeric[]), CAST(:occurred_at AS timestamptz[]), CAST(:local_date AS date[]),
            CAST(:time_zone AS text[]), CAST(:billable AS boolean[]), CAST(:reason AS text[]), CAST(:dims AS text[]),
            CAST(:item_id AS uuid[]), CAST(:decision_id AS uuid[]), CAST(:member_id AS uuid[]))
     AS t(id, client_id, source_id, meter, quantity, occurred_at, local_date, time_zone, billable, reason, dims,
          item_id, decision_id, member_id)
""")
"""One statement for any number of facts: every item and every decision passes here."""


async def record_usage(session: AsyncSession, agency_id: UUID, facts: Sequence[Usage]) -> None:
    """Append one record a fact; the local day is fixed here, in the client's zone of now."""
    if not facts:
        return
    columns = {
        "id": [new_id() for _ in facts],
        "client_id": [fact.client_id for fact in facts],
        "source_id": [fact.source_id for fact in facts],
        "meter": [fact.meter for fact in facts],
        "quantity": [fact.quantity for fact in facts],
        "occurred_at": [fact.occurred_at for fact in facts],
        "local_date": [fact.occurred_at.astimezone(ZoneInfo(fact.time_zone)).date() for fact in facts],
        "time_zone": [fact.time_zone for fact in facts],
        "billable": [fact.billable for fact in facts],
        "reason": [fact.reason for fact in facts],
        "dims": [json.dumps(fact.dims) for fact in facts],
        "item_id": [fact.item_id for fact in facts],
        "decision_id": [fact.decision_id for fact in facts],
        "member_id": [fact.member_id for fact in facts],
    }
    await session.execute(_INSERT, {"agency_id": agency_id} | columns)
