"""Escalating: somebody who knows more is to decide. The decision's clock runs on, and one for their answer starts."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import Trouble, raise_alarm
from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item
from veilleur.domain.review.flag import flag_if_nobody_is_left
from veilleur.domain.review.lease import is_repeated, let_go, lock_held, require_lease
from veilleur.domain.review.models import Case
from veilleur.domain.review.needs import Needs, QueueTerms, read_needs, write_needs
from veilleur.domain.review.notes import add_note
from veilleur.domain.review.open import state_facts
from veilleur.domain.review.plan import load_plan
from veilleur.domain.review.restricted import require_restricted
from veilleur.domain.review.routing import Plan
from veilleur.domain.review.skip import pass_by
from veilleur.domain.sla.clocks import ClockStart, start_clocks
from veilleur.domain.sla.terms import load_terms
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Escalation:
    """Where to: a queue by its code, or the lowest one of a tier; and what the next person should know."""

    note: str
    queue: str | None = None
    tier: int | None = None


async def escalate_case(
    session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID, fence: int, asked: Escalation
) -> QueueTerms:
    """Move the case to whom it is for; the queue it is in now. Repeating it changes nothing."""
    assignment, case = await lock_held(session, agency_id, member_id, assignment_id)
    plan = await load_plan(session, agency_id)
    if is_repeated(assignment, "escalated", fence):
        return plan.find_queue(case.queue_id)
    require_lease(assignment, case, fence)
    queue = _find_queue(plan, asked)
    await require_restricted(session, case, queue)
    case.queue_id = queue.id
    case.needs = write_needs(Needs(read_needs(case.needs).language))
    pass_by(case, member_id)
    case.flag, case.expiries = None, 0
    await add_note(session, agency_id, member_id, assignment_id, asked.note, "case")
    await _start_clock(session, case, queue)
    await flag_if_nobody_is_left(session, case)
    await let_go(session, assignment, case, "escalated")
    await _tell(session, case, queue, member_id)
    return queue


def _find_queue(plan: Plan, asked: Escalation) -> QueueTerms:
    if asked.queue is not None:
        if asked.queue in plan.queues:
            return plan.queues[asked.queue]
        hint = msg("one of {allowed}", allowed=sorted(plan.queues))
        raise _refuse(InputError("/queue", msg("there is no such queue"), hint))
    if asked.tier is None:
        raise _refuse(InputError("/queue", msg("say where to"), msg("name a queue or a tier")))
    high = [queue for queue in plan.queues.values() if queue.tier >= asked.tier]
    if not high:
        highest = max(queue.tier for queue in plan.queues.values())
        raise _refuse(InputError("/tier", msg("no queue is that high"), msg("at most {most}", most=highest)))
    return min(high, key=lambda queue: (queue.tier, queue.code))


def _refuse(error: InputError) -> Invalid:
    return Invalid(msg("The case can't be escalated there"), errors=[error])


async def _start_clock(session: AsyncSession, case: Case, queue: QueueTerms) -> None:
    """Only where the client's policy promises an answer of the higher tier."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    item = await session.get_one(Item, (case.agency_id, case.item_id))
    terms = (await load_terms(session, case.agency_id, [case.client_id]))[case.client_id]
    facts = state_facts(item, priority=case.priority, queue=queue.code)  # type: ignore[arg-type]
    start = ClockStart(case.client_id, case.item_id, case.id, terms, facts, present, metric="escalation")
    await start_clocks(session, case.agency_id, [start], present)


async def _tell(session: AsyncSession, case: Case, queue: QueueTerms, member_id: UUID) -> None:
    details = {"case": show_id("cas", case.id), "queue": queue.code}
    by = show_id("mem", member_id)
    deed = Deed(by, "case.escalated", show_id("itm", case.item_id), case.client_id, details)
    await record_deeds(session, case.agency_id, [deed])
    figures = {"item": show_id("itm", case.item_id), "queue": queue.code, "tier": queue.tier, "by": by}
    trouble = Trouble("case.escalated", show_id("cas", case.id), case.client_id, figures)
    await raise_alarm(session, case.agency_id, trouble)
