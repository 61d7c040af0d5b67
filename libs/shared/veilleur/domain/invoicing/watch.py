"""Telling the agency, once a period, that usage has come as far as somebody wanted to know."""

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.billing.open_period import open_period_at
from veilleur.domain.billing.queries import find_contract_at
from veilleur.domain.invoicing.models import UsageAlert, UsageThreshold
from veilleur.domain.invoicing.statement import Statement, write_statement
from veilleur.domain.invoicing.thresholds import measure
from veilleur.domain.metering.record import local_day
from veilleur.domain.outbox.notify import Notice, notify_agency
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Invalid
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.money import round_money, show_quantity


async def list_watched_clients(session: AsyncSession, agency_id: UUID) -> list[UUID]:
    query = select(UsageThreshold.client_id).where(
        UsageThreshold.agency_id == agency_id, UsageThreshold.removed_at.is_(None)
    )
    return list(await session.scalars(query.distinct().order_by(UsageThreshold.client_id)))


async def watch_usage(session: AsyncSession, agency_id: UUID, client_id: UUID) -> int:
    """Look at a client's thresholds in the period of today; how many were newly reached."""
    client = await session.get_one(Client, (agency_id, client_id))
    present = (await session.execute(select(func.app_now()))).scalar_one()
    today = local_day(present, client.time_zone)
    contract = await find_contract_at(session, agency_id, client_id, today)
    period = await open_period_at(session, contract, today) if contract is not None else None
    waiting = await _list_waiting(session, client, period) if period is not None else []
    if period is None or not waiting:
        return 0
    try:
        statement = await write_statement(session, agency_id, client_id, period)
    except Invalid:  # usage without a price: whoever reads the statement is told which
        return 0
    reached = [(one, far) for one in waiting if (far := _measure(one, statement)) >= one.value]
    told = [pair for pair in reached if await _keep(session, pair, period)]
    notices = [Notice("usage.threshold", client_id, _tell(one, far, period), present) for one, far in told]
    await notify_agency(session, agency_id, notices)
    return len(told)


async def _list_waiting(session: AsyncSession, client: Client, period: BillingPeriod) -> Sequence[UsageThreshold]:
    told = select(UsageAlert.id).where(
        UsageAlert.agency_id == UsageThreshold.agency_id,
        UsageAlert.threshold_id == UsageThreshold.id,
        UsageAlert.period_id == period.id,
    )
    query = select(UsageThreshold).where(
        UsageThreshold.agency_id == client.agency_id,
        UsageThreshold.client_id == client.id,
        UsageThreshold.removed_at.is_(None),
        ~told.exists(),
    )
    return (await session.scalars(query.order_by(UsageThreshold.id))).all()


def _measure(threshold: UsageThreshold, statement: Statement) -> Decimal:
    return measure(threshold.kind, threshold.meter, statement.plan, statement.usage, statement.total)


async def _keep(session: AsyncSession, pair: tuple[UsageThreshold, Decimal], period: BillingPeriod) -> bool:
    """Whether nobody else was faster."""
    threshold, reached = pair
    values = {
        "agency_id": period.agency_id, "id": new_id(), "client_id": period.client_id, "threshold_id": threshold.id,
        "period_id": period.id, "reached": round_money(reached),
    }  # fmt: skip
    added = insert(UsageAlert).values(**values).on_conflict_do_nothing().returning(UsageAlert.id)
    return (await session.execute(added)).scalar_one_or_none() is not None


def _tell(threshold: UsageThreshold, reached: Decimal, period: BillingPeriod) -> dict[str, object]:
    what = threshold.meter or threshold.kind
    figures = {"kind": threshold.kind, "value": show_quantity(threshold.value), "reached": show_quantity(reached)}
    return {
        "subject": f"{show_quantity(threshold.value)} ({what})",
        "threshold": show_id("thr", threshold.id),
        "period": {"from": period.starts_on.isoformat(), "to": period.ends_on.isoformat()},
        "figures": figures | ({"meter": threshold.meter} if threshold.meter else {}),
    }
