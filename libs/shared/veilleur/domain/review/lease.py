"""What a holder does with a lease: keep it alive, or give it back. Every write names its fence."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import and_, exists, func, or_, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.models import Assignment, Case, CaseState
from veilleur.domain.tenancy.models import Grant, Member
from veilleur.kernel.errors import Conflict, Forbidden, NotFound, Problem
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to one heartbeat: until when the lease now runs and which revision the item has, or what is wrong."""

    assignment_id: UUID
    expires_at: datetime | None = None
    item_revision: int | None = None
    problem: Problem | None = None


# No longer than the queue's cap counted from the claim: a heart that beats in an empty chair keeps nothing for ever.
_BEAT = text("""
UPDATE cases SET lease_expires_at = greatest(lease_expires_at, least(
  app_now() + make_interval(secs => q.lease_s), a.claimed_at + make_interval(secs => q.hold_cap_s)))
FROM queues q, assignments a
WHERE q.agency_id = cases.agency_id AND q.id = cases.queue_id AND cases.agency_id = :agency_id
  AND a.agency_id = cases.agency_id AND a.id = cases.assignment_id
  AND cases.id = :case_id AND cases.state = 'leased' AND cases.holder_id = :member_id AND cases.fence = :fence
RETURNING cases.lease_expires_at, cases.item_revision
""")


async def beat(session: AsyncSession, agency_id: UUID, member_id: UUID, held: Sequence[tuple[UUID, int]]) -> list[Beat]:
    """Renew the leases of `(assignment, fence)` pairs; one answer each, in order."""
    ids = [assignment_id for assignment_id, _ in held]
    query = select(Assignment).where(Assignment.agency_id == agency_id, Assignment.id.in_(ids))
    cases = {assignment.id: assignment.case_id for assignment in await session.scalars(query)}
    # Whatever was asked, cases are locked in the order of their ids: two tabs would wait for each other for ever.
    ordered = sorted(set(held), key=lambda pair: cases.get(pair[0], pair[0]))
    beats = {pair: await _beat_one(session, agency_id, member_id, *pair) for pair in ordered}
    return [beats[pair] for pair in held]


async def release(session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID, fence: int) -> None:
    """Give a case back to its queue; repeating it changes nothing."""
    assignment, case = await lock_held(session, agency_id, member_id, assignment_id)
    if is_repeated(assignment, "released", fence):
        return
    require_lease(assignment, case, fence)
    await let_go(session, assignment, case, "released")


def is_repeated(assignment: Assignment, outcome: str, fence: int) -> bool:
    """The same was asked before, and done."""
    return assignment.outcome == outcome and assignment.fence == fence


async def let_go(
    session: AsyncSession, assignment: Assignment, case: Case, outcome: str, *, reason: str | None = None
) -> None:
    """Take a locked case out of its holder's hands, with all that was changed about it on the way."""
    if case.state == CaseState.LEASED:
        case.state = CaseState.READY
    case.holder_id, case.lease_expires_at = None, None
    await end_assignment(session, assignment, outcome, reason=reason)
    await session.flush()


async def lock_member(session: AsyncSession, agency_id: UUID, member_id: UUID) -> Member:
    """The member's row, locked first by claims and decisions alike: one person's two tabs take turns."""
    query = select(Member).where(Member.agency_id == agency_id, Member.id == member_id)
    member = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
    if member is None or member.disabled_at is not None:
        raise Forbidden(msg("This member is no longer active"))
    return member


async def find_assignment(session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID) -> Assignment:
    """My assignment of that id; somebody else's is `NotFound` like one that never was.

    So is one of a client that I serve no longer: what I once held opens nothing for ever.
    """
    served = exists().where(
        Grant.agency_id == agency_id, Grant.member_id == member_id, Grant.client_id == Assignment.client_id
    )
    query = (
        select(Assignment)
        .join(Member, and_(Member.agency_id == Assignment.agency_id, Member.id == Assignment.member_id))
        .where(Assignment.agency_id == agency_id, Assignment.id == assignment_id, Assignment.member_id == member_id)
        .where(or_(Member.serves_all, served))
    )
    assignment = (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()
    if assignment is None:
        raise NotFound(msg("There is no {id} here", id=show_id("asg", assignment_id)))
    return assignment


async def lock_held(
    session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID
) -> tuple[Assignment, Case]:
    """My assignment and its case, the case locked: nothing about either changes until the transaction ends."""
    mine = (Assignment.agency_id == agency_id, Assignment.id == assignment_id, Assignment.member_id == member_id)
    query = select(Case).where(
        Case.agency_id == agency_id, Case.id == select(Assignment.case_id).where(*mine).scalar_subquery()
    )
    case = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
    assignment = await find_assignment(session, agency_id, member_id, assignment_id)
    if case is None:
        message = "an assignment has a case"
        raise RuntimeError(message)
    return assignment, case


def require_lease(assignment: Assignment, case: Case, fence: int) -> None:
    """`Conflict` unless this assignment with this fence is the case's present one.

    An expired lease still counts until somebody else has claimed: only then the fence has grown.
    """
    if assignment.fence == fence == case.fence and case.state == CaseState.LEASED:
        return
    if case.state == CaseState.WITHDRAWN:
        raise Conflict(
            msg("The case is over: its item was withdrawn, or edited and decided by rules"), slug="item-withdrawn"
        )
    if case.state == CaseState.DECIDED:
        raise Conflict(msg("This case is already decided"), slug="already-decided")
    if case.state == CaseState.CLOSED:
        raise Conflict(msg("A lead has closed this case; there is nothing left to decide"), slug="lease-lost")
    raise Conflict(msg("The lease is lost: the case was released or somebody else has claimed it"), slug="lease-lost")


async def end_assignment(
    session: AsyncSession, assignment: Assignment, outcome: str, *, reason: str | None = None
) -> None:
    await session.execute(
        update(Assignment)
        .where(Assignment.agency_id == assignment.agency_id, Assignment.id == assignment.id)
        .values(outcome=outcome, reason=reason, ended_at=func.app_now())
    )


async def _beat_one(session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID, fence: int) -> Beat:
    try:
        assignment = await find_assignment(session, agency_id, member_id, assignment_id)
        values = {"agency_id": agency_id, "case_id": assignment.case_id, "member_id": member_id, "fence": fence}
        renewed = (await session.execute(_BEAT, values)).one_or_none()
        if renewed is not None and assignment.fence == fence:
            return Beat(assignment_id, renewed.lease_expires_at, renewed.item_revision)
        _, case = await lock_held(session, agency_id, member_id, assignment_id)
        require_lease(assignment, case, fence)
    except Problem as problem:
        return Beat(assignment_id, problem=problem)
    return Beat(assignment_id, case.lease_expires_at, case.item_revision)
