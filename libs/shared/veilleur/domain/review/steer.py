"""The lead's levers: give an open case to somebody, free it, re-prioritise, re-route or close it. All audited."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item, ItemState
from veilleur.domain.review.flag import settle_alarms
from veilleur.domain.review.lease import let_go
from veilleur.domain.review.models import OPEN_STATES, Assignment, Case, CaseState
from veilleur.domain.review.move_due import move_due_times
from veilleur.domain.review.needs import read_needs
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.restricted import is_held, require_restricted
from veilleur.domain.review.staff import list_fitting, load_staff
from veilleur.domain.sla.clocks import Retarget, cancel_clocks, resume_clocks, retarget_clocks
from veilleur.domain.sla.policy import Priority
from veilleur.kernel.errors import Conflict, InputError, Invalid, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

ASSIGNED_FOR = timedelta(hours=8)
"""How long a case that a lead gave to somebody is kept for them."""


async def assign_case(
    session: AsyncSession, agency_id: UUID, case_id: UUID, member_id: UUID | None, actor: str
) -> Case:
    """Keep the case for this member, who is handed it first, whatever the queue asks for; it leaves other hands.

    Only who serves the client may be named: `Invalid` lists them. What is under a legal hold goes to nobody who may
    not work its queue: `Conflict` (`under-hold`).
    """
    case = await lock_open_case(session, agency_id, case_id)
    if case.state == CaseState.WAITING:
        raise Conflict(msg("The client was asked about this case; release it first, or wait for the answer"))
    staff = [person for person in await load_staff(session, agency_id) if person.able.serves(case.client_id)]
    if member_id is None or member_id not in {person.id for person in staff}:
        hint = msg("one of {allowed}", allowed=[show_id("mem", person.id) for person in staff[:50]])
        error = InputError("/member", msg("can't be handed this case"), hint)
        raise Invalid(msg("The case can't go to that person"), errors=[error])
    await _require_cleared(session, case, member_id)
    if case.holder_id != member_id:
        await _take_back(session, case)
        present = (await session.execute(select(func.app_now()))).scalar_one()
        case.reserved_for, case.reserved_until = member_id, present + ASSIGNED_FOR
    return await _finish(session, case, actor, "case.assigned", {"to": show_id("mem", member_id)})


async def _require_cleared(session: AsyncSession, case: Case, member_id: UUID) -> None:
    if not await is_held(session, case.agency_id, case.item_id):
        return
    queue = (await load_queues(session, case.agency_id))[case.queue_id]
    cleared = list_fitting(await load_staff(session, case.agency_id), case.client_id, queue, read_needs(case.needs))
    if member_id not in {person.id for person in cleared}:
        detail = msg(
            "The item is under a legal hold: its case is for those who work {queue}: {allowed}",
            queue=queue.code, allowed=[show_id("mem", person.id) for person in cleared[:50]],
        )  # fmt: skip
        raise Conflict(detail, slug="under-hold")


async def free_case(session: AsyncSession, agency_id: UUID, case_id: UUID, actor: str) -> Case:
    """Back to the pool: out of any hand, kept for nobody, no flag; who passed it by may be handed it again.

    A case that waits for the client's answer waits no longer.
    """
    case = await lock_open_case(session, agency_id, case_id)
    await _take_back(session, case)
    case.passed_by = []
    return await _finish(session, case, actor, "case.freed", {})


async def prioritise_case(
    session: AsyncSession, agency_id: UUID, case_id: UUID, priority: Priority, actor: str, *, retarget: bool
) -> Case:
    """Change the priority; with `retarget` its clocks count by what is promised for that, and a breach stays one."""
    case = await lock_open_case(session, agency_id, case_id)
    before, case.priority = case.priority, priority
    await session.flush()
    if retarget:
        change = Retarget("priority", actor, {"priority": priority})
        await move_due_times(session, agency_id, await retarget_clocks(session, agency_id, [case.item_id], change))
    details = {"from": before, "to": priority, "retarget": retarget}
    return await _finish(session, case, actor, "case.prioritised", details, settles=False)


async def route_case(session: AsyncSession, agency_id: UUID, case_id: UUID, code: str, actor: str) -> Case:
    """Move the case to another queue; it leaves the hand it is in, and its due time stays.

    What is under a legal hold goes to restricted queues only: `Conflict` (`under-hold`).
    """
    case = await lock_open_case(session, agency_id, case_id)
    queues = {queue.code: queue for queue in (await load_queues(session, agency_id)).values()}
    if code not in queues:
        error = InputError("/queue", msg("there is no such queue"), msg("one of {allowed}", allowed=sorted(queues)))
        raise Invalid(msg("The case can't be routed there"), errors=[error])
    await require_restricted(session, case, queues[code])
    await _take_back(session, case)
    case.queue_id, case.passed_by = queues[code].id, []
    return await _finish(session, case, actor, "case.routed", {"queue": code})


async def close_case(session: AsyncSession, agency_id: UUID, case_id: UUID, reason: str, actor: str) -> Case:
    """End the case without a decision: what the client shows stays, and nothing is promised any more."""
    found = await session.get(Case, (agency_id, case_id))
    if found is not None:
        # The item before its case, as everywhere.
        item = select(Item.id).where(Item.agency_id == agency_id, Item.id == found.item_id)
        await session.execute(item.with_for_update(key_share=True))
    case = await lock_open_case(session, agency_id, case_id)
    await _take_back(session, case, outcome="closed", resume=False)
    case.state, case.closed_at = CaseState.CLOSED, func.app_now()
    await session.flush()
    await cancel_clocks(session, agency_id, [case.item_id])
    await session.execute(
        update(Item)
        .where(Item.agency_id == agency_id, Item.id == case.item_id, Item.state == ItemState.IN_REVIEW)
        .values(state=ItemState.DECIDED, closed_at=func.app_now())
    )
    return await _finish(session, case, actor, "case.closed", {"reason": reason})


async def lock_open_case(session: AsyncSession, agency_id: UUID, case_id: UUID) -> Case:
    """The case, locked; `NotFound`, or `Conflict` when it is over."""
    query = select(Case).where(Case.agency_id == agency_id, Case.id == case_id)
    locked = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    case = (await session.scalars(locked)).one_or_none()
    if case is None:
        raise NotFound(msg("There is no {id} here", id=show_id("cas", case_id)))
    if case.state not in OPEN_STATES:
        raise Conflict(msg("This case is over"), slug="already-decided")
    return case


async def _take_back(session: AsyncSession, case: Case, *, outcome: str = "taken", resume: bool = True) -> None:
    """Out of whatever holds it: a hand, a name it is kept for, a flag, a question."""
    waited = case.state == CaseState.WAITING
    if waited:
        case.state = CaseState.READY
    case.reserved_for = case.reserved_until = None
    case.flag, case.expiries = None, 0
    if case.state == CaseState.LEASED:
        assignment = await session.get_one(Assignment, (case.agency_id, case.assignment_id))
        await let_go(session, assignment, case, outcome)
    await session.flush()
    if waited and resume:
        due = await resume_clocks(session, case.agency_id, [case.item_id])
        await move_due_times(session, case.agency_id, due)


async def _finish(
    session: AsyncSession, case: Case, actor: str, action: str, details: dict[str, Any], *, settles: bool = True
) -> Case:
    await session.flush()
    if settles:
        await settle_alarms(session, case)
    shown = {"case": show_id("cas", case.id)} | details
    await record_deeds(
        session, case.agency_id, [Deed(actor, action, show_id("itm", case.item_id), case.client_id, shown)]
    )
    await session.refresh(case)
    return case
