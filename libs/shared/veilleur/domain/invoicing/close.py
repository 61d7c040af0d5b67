"""Closing a period: from then on it counts what it counted, whatever comes.

Everybody who writes usage holds a lock of its client in common until the end of the transaction (the trigger
`count_usage`). A close takes it alone: whoever was writing has committed and is counted, whoever comes waits, and
then finds the period closed and its usage late.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import BillingPeriod, Contract
from veilleur.domain.invoicing.agreement import Agreement
from veilleur.domain.invoicing.reconcile import compare_within, find_stretch
from veilleur.domain.metering.models import LateUsage, UsageSum
from veilleur.domain.metering.record import local_day
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

_LOCK_CLIENT = text("SELECT pg_advisory_xact_lock(hashtextextended('usage' || :agency_id || :client_id, 0))")


@dataclass(frozen=True, slots=True)
class Terms:
    """On what a period is closed. `agreement`: facts and records were compared already, by whoever closes it.

    `is_last`: nothing comes in any more, so that its last day need not be over.
    """

    agreement: Agreement | None = None
    is_last: bool = False


USUAL = Terms()


async def lock_usage(session: AsyncSession, agency_id: UUID, client_id: UUID) -> None:
    """Nobody writes usage of this client until the end of the transaction; what was being written is committed.

    Only statements sent afterwards see all of it. Lock clients in the order of their ids.
    """
    await session.execute(_LOCK_CLIENT, {"agency_id": str(agency_id), "client_id": str(client_id)})


async def close_period(session: AsyncSession, period: BillingPeriod, member_id: UUID, terms: Terms = USUAL) -> None:
    """`Conflict` while its last day is not over, when it is closed already, or when facts and records differ.

    What came late for other periods, and was not billed yet, is billed in this one. Facts and records are compared
    before anybody has to wait: they are committed together, so that every snapshot shows both or neither.
    """
    await require_over(session, period, terms)
    await _require_agreement(session, period, terms)
    await lock_usage(session, period.agency_id, period.client_id)
    await session.refresh(period, with_for_update=True)
    if period.state == "closed":
        raise Conflict(msg("The period is closed"), slug="period-closed")
    of_client = BillingPeriod.agency_id == period.agency_id, BillingPeriod.client_id == period.client_id
    following = select(func.coalesce(func.max(BillingPeriod.close_number), 0) + 1).where(*of_client)
    period.close_number = (await session.execute(following)).scalar_one()
    period.records, period.digest = await digest_period(session, period)
    period.closed_at = (await session.execute(select(func.app_now()))).scalar_one()
    period.closed_by, period.state = member_id, "closed"
    unbilled = LateUsage.agency_id == period.agency_id, LateUsage.client_id == period.client_id
    taken = update(LateUsage).where(*unbilled, LateUsage.billed_in_id.is_(None)).values(billed_in_id=period.id)
    await session.flush()
    await session.execute(taken)
    details = {"starts_on": period.starts_on.isoformat(), "records": period.records, "digest": period.digest}
    deed = Deed(show_id("mem", member_id), "period.closed", show_id("prd", period.id), period.client_id, details)
    await record_deeds(session, period.agency_id, [deed])


async def require_over(session: AsyncSession, period: BillingPeriod, terms: Terms = USUAL) -> None:
    if not await is_over(session, period, terms):
        raise Conflict(
            msg("The period is not over: it ends with the day before {day}", day=period.ends_on),
            slug="period-not-over",
        )


async def is_over(session: AsyncSession, period: BillingPeriod, terms: Terms = USUAL) -> bool:
    """By our own zone data: PostgreSQL may know fewer zones."""
    contract = await session.get_one(Contract, (period.agency_id, period.contract_id))
    present = (await session.execute(select(func.app_now()))).scalar_one()
    first_day = period.ends_on - timedelta(days=1) if terms.is_last else period.ends_on
    return local_day(present, contract.time_zone) >= first_day


async def digest_period(session: AsyncSession, period: BillingPeriod) -> tuple[int, str]:
    """How many records the period counts, billable or not, and the SHA-256 of their sums."""
    columns = UsageSum.meter, UsageSum.source_id, UsageSum.billable, UsageSum.dims
    query = (
        select(*columns, func.sum(UsageSum.quantity).label("quantity"), func.sum(UsageSum.records).label("records"))
        .where(
            UsageSum.agency_id == period.agency_id,
            UsageSum.client_id == period.client_id,
            UsageSum.local_date >= period.starts_on,
            UsageSum.local_date < period.ends_on,
            ~UsageSum.late,
        )
        .group_by(*columns)
    )
    rows = (await session.execute(query)).all()
    written = sorted(_write(row) for row in rows)
    return sum(row.records for row in rows), hashlib.sha256("\n".join(written).encode()).hexdigest()


def _write(row: Any) -> str:
    dims = json.dumps(row.dims, sort_keys=True, ensure_ascii=False)
    return f"{row.meter} {row.source_id} {row.billable} {dims} {row.quantity.normalize():f} {row.records}"


async def _require_agreement(session: AsyncSession, period: BillingPeriod, terms: Terms) -> None:
    agreement = terms.agreement or await compare_within(session, await find_stretch(session, period))
    if agreement.differences:
        raise Conflict(
            msg("{count} rows of facts and records differ", count=agreement.differences),
            slug="unreconciled",
            extra={"findings": list(agreement.findings)},
        )
