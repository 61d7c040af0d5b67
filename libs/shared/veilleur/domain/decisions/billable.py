"""What a changed mind does to the bill; pure.

Usage is append-only: a record is never changed, another one corrects it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from veilleur.domain.decisions.models import Cause, Decision
from veilleur.domain.metering.record import Meter, Usage

Correction = Literal["overruled_by_client", "reversed"]
NOTHING = Decimal(0)
OF_THE_ITEM = ("network", "kind", "language", "channel")


@dataclass(frozen=True, slots=True)
class Counted:
    """A usage record that was written for the old decision."""

    id: UUID
    meter: Meter
    quantity: Decimal
    billable: bool
    dims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recount:
    """A reversal as the bill sees it: the new decision, the old one, why, and whether the new one is paid."""

    made: Decision
    old: Decision
    cause: Cause
    billable: bool
    time_zone: str


def recount(reversal: Recount, counted: Sequence[Counted]) -> list[Usage]:
    """What is added to the usage.

    - `rule`: what the rules decided is taken back, record by record, with the opposite quantity.
    - `client`: what was done stays to be paid; a record of quantity 0 flags it.
    - otherwise the old decision stays counted, and a person's new one is counted with it, billable or not.
    """
    if reversal.cause == "rule":
        return [_correct(reversal, record, -record.quantity, "reversed") for record in counted]
    if reversal.cause == "client":
        decided = [record for record in counted if record.meter.startswith("decision.")]
        return [_correct(reversal, record, NOTHING, "overruled_by_client") for record in decided]
    return [_count(reversal, counted)] if reversal.made.member_id is not None else []


def _correct(reversal: Recount, record: Counted, quantity: Decimal, reason: Correction) -> Usage:
    return Usage(
        client_id=reversal.old.client_id,
        time_zone=reversal.time_zone,
        meter=record.meter,
        occurred_at=reversal.made.made_at,
        quantity=quantity,
        source_id=reversal.old.source_id,
        item_id=reversal.old.item_id,
        decision_id=reversal.old.id,
        member_id=reversal.old.member_id,
        billable=record.billable,
        reason=reason,
        dims=dict(record.dims) | {"cause": reversal.cause},
        corrects_id=record.id,
    )


def _count(reversal: Recount, counted: Sequence[Counted]) -> Usage:
    """About the same item: what the records of the old decision say of it holds for the new one."""
    known = next((record.dims for record in counted if record.meter.startswith("decision.")), {})
    dims = {name: known[name] for name in OF_THE_ITEM if name in known}
    return Usage(
        client_id=reversal.made.client_id,
        time_zone=reversal.time_zone,
        meter="decision.human",
        occurred_at=reversal.made.made_at,
        source_id=reversal.made.source_id,
        item_id=reversal.made.item_id,
        decision_id=reversal.made.id,
        member_id=reversal.made.member_id,
        billable=reversal.billable,
        reason=None if reversal.billable else reversal.cause,
        dims=dims | {"verdict": reversal.made.verdict, "cause": reversal.cause},
    )
