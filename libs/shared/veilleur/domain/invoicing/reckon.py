"""The nightly reckoning: what was done yesterday, and in the whole period so far, held against what was counted.

Each agency has its own minute of the night. What comes of it is kept, and a difference is said once: as an alarm that
stays open until a later night finds that both agree.
"""

from datetime import UTC, datetime, time, timedelta
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.models import Alarm
from veilleur.domain.alarms.record import AlarmKind, Trouble, close_alarms, raise_alarm
from veilleur.domain.billing.models import BillingPeriod
from veilleur.domain.billing.open_period import open_period_at
from veilleur.domain.billing.period import Period
from veilleur.domain.billing.queries import find_contract_at
from veilleur.domain.invoicing.agreement import Agreement, Stretch
from veilleur.domain.invoicing.models import Reconciliation
from veilleur.domain.invoicing.reconcile import find_stretch, keep_reconciliation
from veilleur.domain.metering.record import local_day
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.ids import parse_id, show_id

ALARM: AlarmKind = "usage.unreconciled"
BEGINS = time(1, tzinfo=UTC)
LASTS_S = 3 * 3_600
"""Agencies are spread over so much of the night."""
WITHOUT_CONTRACT = timedelta(days=31)
"""How far back days are looked at on which no contract holds."""

_GONE = text("SELECT client_id FROM erasures WHERE agency_id = :agency_id AND kind = 'client'")


def find_night(agency_id: UUID, present: datetime) -> datetime:
    """The last instant at which this agency was to be reckoned."""
    due = datetime.combine(present.astimezone(UTC).date(), BEGINS) + timedelta(seconds=agency_id.int % LASTS_S)
    return due if due <= present else due - timedelta(days=1)


async def list_stretches(session: AsyncSession, agency_id: UUID) -> list[Stretch]:
    """What is to be compared this night, and was not yet: of each client the period around its yesterday, up to
    today, and periods about which an alarm is open. A client that was erased has no facts left.
    """
    present = (await session.execute(select(func.app_now()))).scalar_one()
    gone = set(await session.scalars(_GONE, {"agency_id": agency_id}))
    done = await _list_done(session, agency_id, find_night(agency_id, present))
    stretches: list[Stretch] = []
    for client in await session.scalars(select(Client).where(Client.agency_id == agency_id).order_by(Client.id)):
        if client.id not in gone:
            found = [await _find_current(session, client, present), *await _list_alarmed(session, client)]
            unique = {one.period_id: one for one in reversed(found)}
            stretches += [one for one in unique.values() if (one.client_id, one.period_id) not in done]
    return stretches


async def keep_night(session: AsyncSession, stretch: Stretch, agreement: Agreement) -> None:
    """Keep what came of it, and say a difference; nothing is kept of days on which nothing happened."""
    client = await session.get_one(Client, (stretch.agency_id, stretch.client_id), with_for_update={"key_share": True})
    present = (await session.execute(select(func.app_now()))).scalar_one()
    done = await _list_done(session, stretch.agency_id, find_night(stretch.agency_id, present))
    if (client.id, stretch.period_id) in done:
        return
    subject = name_subject(stretch)
    if agreement.counts or agreement.differences:
        kept = await keep_reconciliation(session, stretch, agreement, None)
        if agreement.differences:
            figures = {
                "differences": agreement.differences,
                "from": stretch.days.first.isoformat(),
                "to": stretch.days.past.isoformat(),
                "reconciliation": show_id("rcn", kept.id),
            }
            await raise_alarm(session, stretch.agency_id, Trouble(ALARM, subject, stretch.client_id, figures))
            return
    await close_alarms(session, stretch.agency_id, ALARM, [subject], stretch.client_id)


def name_subject(stretch: Stretch) -> str:
    """What an alarm is about: a period, or a client's days without a contract."""
    if stretch.period_id is not None:
        return show_id("prd", stretch.period_id)
    return show_id("cli", stretch.client_id)


async def _find_current(session: AsyncSession, client: Client, present: datetime) -> Stretch:
    today = local_day(present, client.time_zone)
    yesterday = today - timedelta(days=1)
    contract = await find_contract_at(session, client.agency_id, client.id, yesterday)
    period = await open_period_at(session, contract, yesterday) if contract is not None else None
    if contract is None or period is None:
        days = Period(today - WITHOUT_CONTRACT, today)
        return Stretch(client.agency_id, client.id, client.time_zone, days)
    days = Period(period.starts_on, min(period.ends_on, today))
    return Stretch(client.agency_id, client.id, contract.time_zone, days, period.id)


async def _list_alarmed(session: AsyncSession, client: Client) -> list[Stretch]:
    """Periods that differed some night, and are over: only a look at them can tell that they agree by now."""
    query = select(Alarm.subject).where(
        Alarm.agency_id == client.agency_id, Alarm.client_id == client.id, Alarm.kind == ALARM,
        Alarm.closed_at.is_(None),
    )  # fmt: skip
    subjects = await session.scalars(query.order_by(Alarm.id))
    ids = [period_id for subject in subjects if (period_id := parse_id("prd", subject)) is not None]
    periods = await session.scalars(
        select(BillingPeriod).where(BillingPeriod.agency_id == client.agency_id, BillingPeriod.id.in_(ids))
    )
    return [await find_stretch(session, period) for period in periods]


async def _list_done(session: AsyncSession, agency_id: UUID, since: datetime) -> set[tuple[UUID, UUID | None]]:
    """Who was reckoned this night already."""
    query = select(Reconciliation.client_id, Reconciliation.period_id).where(
        Reconciliation.agency_id == agency_id, Reconciliation.made_by.is_(None), Reconciliation.made_at >= since
    )
    return {(row.client_id, row.period_id) for row in await session.execute(query)}
