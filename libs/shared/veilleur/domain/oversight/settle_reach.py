"""While a client's callbacks reach nobody its clocks wait, or are not owed; they go on when it is back."""

from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.models import Alarm
from veilleur.domain.intake.models import Item
from veilleur.domain.outbox.models import Endpoint
from veilleur.domain.review.models import Case, CaseState
from veilleur.domain.review.move_due import move_due_times
from veilleur.domain.review.open import lock_open_cases
from veilleur.domain.sla.clocks import pause_clocks, resume_clocks
from veilleur.domain.sla.countdown import PauseReason
from veilleur.domain.sla.models import Clock, ClockState
from veilleur.kernel.ids import show_id

DOWN: PauseReason = "client_callback_down"


async def settle_reach(session: AsyncSession, agency_id: UUID, limit: int) -> bool:
    """Pause or resume up to `limit` clocks; whether there may be more.

    A clock that waits for an answer or a legal hold as well goes on with those, not here.
    """
    unreachable = await _list_unreachable(session, agency_id)
    running = select(Clock.item_id).where(
        Clock.agency_id == agency_id,
        Clock.client_id.in_(unreachable),
        Clock.state == ClockState.RUNNING,
        or_(Clock.pausable, Clock.excluded.is_(None)),
    )
    items = list(await session.scalars(running.limit(limit))) if unreachable else []
    if items:
        await lock_open_cases(session, agency_id, items)
        await move_due_times(session, agency_id, await pause_clocks(session, agency_id, items, DOWN))
        return True
    waiting = (
        select(Clock.item_id)
        .join(Case, and_(Case.agency_id == Clock.agency_id, Case.id == Clock.case_id))
        .join(Item, and_(Item.agency_id == Clock.agency_id, Item.id == Clock.item_id))
        .where(
            Clock.agency_id == agency_id,
            Clock.state == ClockState.PAUSED,
            Clock.pause_reason == DOWN,
            Clock.client_id.not_in(unreachable),
            Case.state != CaseState.WAITING,
            Item.hold_class.is_(None),
        )
    )
    items = list(await session.scalars(waiting.limit(limit)))
    await lock_open_cases(session, agency_id, items)
    await move_due_times(session, agency_id, await resume_clocks(session, agency_id, items))
    return bool(items)


async def _list_unreachable(session: AsyncSession, agency_id: UUID) -> set[UUID]:
    """Clients with a callback URL that fails, and none that does not."""
    open_alarms = select(Alarm.subject, Alarm.client_id).where(
        Alarm.agency_id == agency_id,
        Alarm.kind == "endpoint.failing",
        Alarm.client_id.is_not(None),
        Alarm.closed_at.is_(None),
    )
    alarms = (await session.execute(open_alarms)).all()
    if not alarms:
        return set()
    failing = {row.subject for row in alarms}
    endpoints = select(Endpoint.id, Endpoint.client_id).where(
        Endpoint.agency_id == agency_id,
        Endpoint.client_id.in_({row.client_id for row in alarms}),
        Endpoint.disabled_at.is_(None),
    )
    reached = {row.client_id for row in await session.execute(endpoints) if show_id("end", row.id) not in failing}
    return {row.client_id for row in alarms} - reached
