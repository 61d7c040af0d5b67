"""Skipping: this case is not for me. It keeps its due time, goes where the reason says, and doesn't come back to me."""

from dataclasses import replace
from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item
from veilleur.domain.review.flag import flag_case, flag_if_nobody_is_left
from veilleur.domain.review.lease import is_repeated, let_go, lock_held, require_lease
from veilleur.domain.review.models import Case
from veilleur.domain.review.needs import Needs, primary_language, read_needs, write_needs
from veilleur.domain.review.open import case_facts
from veilleur.domain.review.plan import load_plan
from veilleur.domain.review.routing import Plan, choose_higher, find_route
from veilleur.kernel.ids import show_id

SkipReason = Literal["wrong_language", "conflict_of_interest", "too_hard", "distressing", "technical", "other"]


async def skip_case(  # noqa: PLR0917 - who, what, and why
    session: AsyncSession,
    agency_id: UUID,
    member_id: UUID,
    assignment_id: UUID,
    fence: int,
    reason: SkipReason,
    language: str | None,
) -> None:
    """Give the case to somebody else; repeating it changes nothing.

    `wrong_language` with the right one corrects the item, asks for that language from now on, and goes where routing
    rules about it say; `too_hard` goes a tier up. What is under a legal hold stays in restricted queues. Where nobody
    is left to take it, a lead finds it flagged.
    """
    assignment, case = await lock_held(session, agency_id, member_id, assignment_id)
    if is_repeated(assignment, "skipped", fence):
        return
    require_lease(assignment, case, fence)
    pass_by(case, member_id)
    plan = await load_plan(session, agency_id)
    if reason == "wrong_language" and language is not None and primary_language(language) is not None:
        await _correct_language(session, case, plan, language)
    elif reason == "too_hard":
        await _go_higher(session, case, plan)
    await flag_if_nobody_is_left(session, case)
    await let_go(session, assignment, case, "skipped", reason=reason)
    details = {"case": show_id("cas", case.id), "reason": reason}
    deed = Deed(show_id("mem", member_id), "case.skipped", show_id("itm", case.item_id), case.client_id, details)
    await record_deeds(session, agency_id, [deed])


def pass_by(case: Case, member_id: UUID) -> None:
    """From now on the case is not handed to this member."""
    case.passed_by = [*(one for one in case.passed_by if one != member_id), member_id]


async def _correct_language(session: AsyncSession, case: Case, plan: Plan, tag: str) -> None:
    """What a person who has read it says outweighs what the client or a detector said."""
    language = primary_language(tag)
    needs = replace(read_needs(case.needs), language=language)
    item = await session.get_one(Item, (case.agency_id, case.item_id))
    item.language = tag
    await session.flush()
    facts = case_facts(item, case.why, case.priority)
    if item.hold_class is not None:
        plan = replace(plan, routes=[route for route in plan.routes if plan.find_queue(route.queue_id).restricted])
    route = find_route(facts, [route for route in plan.routes if "language" in route.conditions])
    if route is not None:
        case.queue_id = route.queue_id
        needs = Needs(language, needs.skills | route.skills)
    case.needs = write_needs(needs)


async def _go_higher(session: AsyncSession, case: Case, plan: Plan) -> None:
    item = await session.get_one(Item, (case.agency_id, case.item_id))
    facts = replace(
        case_facts(item, case.why, case.priority),
        language=read_needs(case.needs).language,
        tier=plan.find_queue(case.queue_id).tier + 1,
    )
    destination = choose_higher(facts, plan)
    if destination is None or (item.hold_class is not None and not destination.queue.restricted):
        await flag_case(session, case, "stuck")
    else:
        case.queue_id, case.needs = destination.queue.id, write_needs(destination.needs)
