"""Work done outside: one person enters it, another approves it, and then it counts like any other."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.metering.meters import COUNTED_METERS, FACT_METERS, is_misnamed
from veilleur.domain.metering.models import UsageEntry, UsageRecord
from veilleur.domain.metering.record import Usage, record_usage
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict, Forbidden, InputError, Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

OLDEST = timedelta(days=3_653)
"""As long as vouchers are kept."""


@dataclass(frozen=True, slots=True)
class NewEntry:
    """So much of a meter that no fact of the service counts, at an instant of the past."""

    meter: str
    quantity: Decimal
    occurred_at: datetime
    note: str
    dims: dict[str, str] = field(default_factory=dict)


async def enter_usage(session: AsyncSession, client: Client, new: NewEntry, member_id: UUID) -> UsageEntry:
    """It counts nothing until a second person approves it."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    mistakes = []
    if new.meter in FACT_METERS:
        mistakes.append(InputError("/meter", msg("is counted from facts alone"), msg("correct the facts instead")))
    if is_misnamed(new.meter):
        counted = msg("counted by the service: {codes}", codes=sorted(COUNTED_METERS))
        mistakes.append(InputError("/meter", msg("is not a meter of the service"), counted))
    if new.quantity <= 0:
        mistakes.append(InputError("/quantity", msg("must be more than 0")))
    if not present - OLDEST <= new.occurred_at <= present:
        mistakes.append(InputError("/occurred_at", msg("must lie in the past, ten years at most")))
    if mistakes:
        raise Invalid(msg("The entry can't be kept like this"), errors=mistakes)
    entry = UsageEntry(
        agency_id=client.agency_id,
        id=new_id(),
        client_id=client.id,
        meter=new.meter,
        quantity=new.quantity,
        occurred_at=new.occurred_at,
        dims=new.dims,
        note=new.note,
        created_by=member_id,
    )
    session.add(entry)
    await session.flush()
    await session.refresh(entry)
    await _note(session, entry, member_id, "entered")
    return entry


async def decide_entry(
    session: AsyncSession,
    entry: UsageEntry,
    verdict: Literal["approved", "refused"],
    member_id: UUID,
    reason: str | None = None,
) -> None:
    """By somebody else than who entered it; approved, it counts from now on, on the day it was done."""
    await session.refresh(entry, with_for_update=True)
    if entry.created_by == member_id:
        raise Forbidden(msg("Somebody else than who entered it has to decide"), slug="second-person")
    if entry.state != "pending":
        raise Conflict(msg("The entry is {state} already", state=entry.state), slug="already-decided")
    entry.state, entry.decided_by, entry.reason = verdict, member_id, reason
    entry.decided_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    if verdict == "approved":
        zone = await _load_zone(session, entry)
        await record_usage(session, entry.agency_id, [_count(entry, zone, entry.occurred_at, entry.quantity)])
    await _note(session, entry, member_id, verdict)


async def reverse_entry(session: AsyncSession, entry: UsageEntry, member_id: UUID, reason: str) -> None:
    """Take back what an approved entry counts: a second record, on the same day, with the opposite quantity."""
    await session.refresh(entry, with_for_update=True)
    if entry.state != "approved":
        raise Conflict(msg("The entry is {state}: it counts nothing", state=entry.state), slug="nothing-to-reverse")
    query = select(UsageRecord.id, UsageRecord.time_zone).where(
        UsageRecord.agency_id == entry.agency_id, UsageRecord.fact_id == entry.id, UsageRecord.corrects_id.is_(None)
    )
    record = (await session.execute(query)).one()
    taken = _count(entry, record.time_zone, entry.occurred_at, -entry.quantity, record.id)
    await record_usage(session, entry.agency_id, [taken])
    entry.state, entry.reversed_by, entry.reason = "reversed", member_id, reason
    await session.flush()
    await _note(session, entry, member_id, "reversed")


def _count(
    entry: UsageEntry, time_zone: str, at: datetime, quantity: Decimal, corrects_id: UUID | None = None
) -> Usage:
    return Usage(
        client_id=entry.client_id,
        time_zone=time_zone,
        meter=entry.meter,
        occurred_at=at,
        quantity=quantity,
        reason="reversed" if corrects_id is not None else "entered",
        corrects_id=corrects_id,
        fact_id=entry.id,
        dims=dict(entry.dims),
    )


async def _load_zone(session: AsyncSession, entry: UsageEntry) -> str:
    return (await session.get_one(Client, (entry.agency_id, entry.client_id))).time_zone


async def _note(session: AsyncSession, entry: UsageEntry, member_id: UUID, what: str) -> None:
    details: dict[str, Any] = {"meter": entry.meter, "quantity": str(entry.quantity)}
    deed = Deed(show_id("mem", member_id), f"usage_entry.{what}", show_id("uen", entry.id), entry.client_id, details)
    await record_deeds(session, entry.agency_id, [deed])
