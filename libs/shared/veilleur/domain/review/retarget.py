"""Other terms for clocks that run already: batch by batch, each with its cases in one commit, resumable."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Row, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.models import Case
from veilleur.domain.review.move_due import move_due_times
from veilleur.domain.sla.clocks import Retarget, retarget_clocks
from veilleur.domain.sla.countdown import OPEN
from veilleur.domain.sla.models import Clock, SlaPolicyVersion, SlaRetarget
from veilleur.domain.sla.terms import Terms, load_calendars


async def retarget_batch(session: AsyncSession, agency_id: UUID, limit: int) -> bool:
    """The next `limit` clocks of the oldest change that is not through; whether there may be more to do."""
    waiting = select(SlaRetarget).where(SlaRetarget.agency_id == agency_id, SlaRetarget.finished_at.is_(None))
    job = (await session.scalars(waiting.order_by(SlaRetarget.id).limit(1).with_for_update(skip_locked=True))).first()
    if job is None:
        return False
    clocks = await _list_clocks(session, agency_id, job, limit)
    await _lock_cases(session, agency_id, [clock.case_id for clock in clocks])
    terms = {job.client_id: await _load_terms(session, agency_id, job)}
    retarget = Retarget(job.reason, job.actor, terms=terms, since=job.since)
    due = await retarget_clocks(session, agency_id, {clock.item_id for clock in clocks}, retarget)
    await move_due_times(session, agency_id, due)
    through = len(clocks) < limit
    await session.execute(
        update(SlaRetarget)
        .where(SlaRetarget.agency_id == agency_id, SlaRetarget.id == job.id)
        .values(
            reached=clocks[-1].id if clocks else job.reached,
            clocks=SlaRetarget.clocks + len(clocks),
            finished_at=func.app_now() if through else None,
        )
    )
    return True


async def _list_clocks(
    session: AsyncSession, agency_id: UUID, job: SlaRetarget, limit: int
) -> Sequence[Row[UUID, UUID, UUID]]:
    query = select(Clock.id, Clock.item_id, Clock.case_id).where(
        Clock.agency_id == agency_id, Clock.client_id == job.client_id, Clock.state.in_(OPEN)
    )
    if job.since is not None:
        query = query.where(Clock.started_at >= job.since)
    if job.reached is not None:
        query = query.where(Clock.id > job.reached)
    return (await session.execute(query.order_by(Clock.id).limit(limit))).all()


async def _lock_cases(session: AsyncSession, agency_id: UUID, case_ids: Sequence[UUID]) -> None:
    """Before their clocks, as a decision does: a decision under way and this would wait for each other for ever."""
    query = select(Case.id).where(Case.agency_id == agency_id, Case.id.in_(case_ids))
    await session.execute(query.order_by(Case.id).with_for_update(key_share=True))


async def _load_terms(session: AsyncSession, agency_id: UUID, job: SlaRetarget) -> Terms:
    """The terms that the change brought, whatever came after it."""
    policy = await session.get_one(SlaPolicyVersion, (agency_id, job.policy_id))
    calendars = await load_calendars(session, agency_id, {job.calendar_id})
    return Terms(policy.id, policy.document, job.calendar_id, calendars[job.calendar_id])
