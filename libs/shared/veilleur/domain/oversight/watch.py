"""Watching an agency: a look every five minutes at what nobody would report, a silence or an empty chair.

Who takes a look notes the next one in the same commit, so that looks never end, and two workers never take the same;
and with it the next night, in which usage is reckoned.
Agencies are looked at in different seconds.
"""

from datetime import UTC, datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.models import Alarm
from veilleur.domain.alarms.record import AlarmKind, close_alarms, raise_alarm
from veilleur.domain.invoicing.reckon import find_night
from veilleur.domain.oversight.break_glass import close_ended_looks
from veilleur.domain.oversight.models import Watch
from veilleur.domain.oversight.silent_sources import find_silent_sources
from veilleur.domain.oversight.uncovered_queues import find_uncovered_queues
from veilleur.infra.worklist import hint_work

EVERY = timedelta(minutes=5)
KINDS: tuple[AlarmKind, ...] = ("source.silent", "queue.uncovered")


async def begin_look(session: AsyncSession, agency_id: UUID) -> bool:
    """Take the look that is due and note the next one; False when somebody has taken it before."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    due_at = find_look_time(agency_id, present)
    await hint_work(session, agency_id, "watch", due_at=due_at + EVERY)
    await hint_work(session, agency_id, "reckoning", due_at=find_night(agency_id, present) + timedelta(days=1))
    taken = insert(Watch).values(agency_id=agency_id, looked_at=present)
    taken = taken.on_conflict_do_update(
        index_elements=[Watch.agency_id], set_={"looked_at": present}, where=Watch.looked_at < due_at
    )
    return (await session.execute(taken.returning(Watch.looked_at))).one_or_none() is not None


async def look(session: AsyncSession, agency_id: UUID) -> None:
    """Raise what is wrong, once: a look that finds it again renews it, and the first that does not closes it."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    troubles = [
        *await find_uncovered_queues(session, agency_id, present),
        *await find_silent_sources(session, agency_id, present),
    ]
    for trouble in troubles:
        await raise_alarm(session, agency_id, trouble)
    found = {(trouble.kind, trouble.client_id, trouble.subject) for trouble in troubles}
    query = select(Alarm.kind, Alarm.client_id, Alarm.subject).where(
        Alarm.agency_id == agency_id, Alarm.kind.in_(KINDS), Alarm.closed_at.is_(None)
    )
    over: dict[tuple[AlarmKind, UUID | None], list[str]] = {}
    for kind, client_id, subject in (await session.execute(query)).all():
        if (kind, client_id, subject) not in found:
            over.setdefault((cast("AlarmKind", kind), client_id), []).append(subject)
    for (kind, client_id), subjects in over.items():
        await close_alarms(session, agency_id, kind, subjects, client_id)
    await close_ended_looks(session, agency_id)


def find_look_time(agency_id: UUID, present: datetime) -> datetime:
    """The last instant at which this agency was to be looked at."""
    offset = agency_id.int % int(EVERY.total_seconds())
    passed = (int(present.timestamp()) - offset) % int(EVERY.total_seconds())
    return datetime.fromtimestamp(int(present.timestamp()) - passed, UTC)
