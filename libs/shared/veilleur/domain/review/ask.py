"""Asking the client: the case leaves the moderator's hands until the answer comes, and so does the deadline."""

from collections.abc import Collection, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.envelope import text_key
from veilleur.domain.intake.models import Item
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.review.lease import is_repeated, let_go, lock_held, require_lease
from veilleur.domain.review.models import OPEN_STATES, Case, CaseState, Question
from veilleur.domain.review.move_due import move_due_times
from veilleur.domain.sla.clocks import pause_clocks, resume_clocks
from veilleur.kernel.errors import Conflict, InputError, Invalid, NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

KEPT_FOR_ASKER = timedelta(minutes=30)
"""How long an answered case is kept for who asked, before anybody may take it."""


async def ask_client(  # noqa: PLR0917 - who, about what, and the question
    session: AsyncSession,
    agency_id: UUID,
    member_id: UUID,
    assignment_id: UUID,
    fence: int,
    question: str,
    choices: Sequence[str],
) -> Question:
    """Send the question as a `case.question` callback; repeating it answers the question that was asked."""
    assignment, case = await lock_held(session, agency_id, member_id, assignment_id)
    if is_repeated(assignment, "asked", fence) and (before := await _find_newest(session, case)) is not None:
        return before
    require_lease(assignment, case, fence)
    asked = Question(
        agency_id=agency_id,
        id=new_id(),
        client_id=case.client_id,
        case_id=case.id,
        member_id=member_id,
        question=question,
        choices=list(choices),
    )
    session.add(asked)
    case.state = CaseState.WAITING
    await let_go(session, assignment, case, "asked")
    await session.refresh(asked)
    await move_due_times(session, agency_id, await pause_clocks(session, agency_id, [case.item_id], "awaiting_client"))
    await _tell_client(session, case, asked)
    actor = show_id("mem", member_id)
    await _record(session, case, actor, "case.question_asked", asked)
    return asked


async def answer_question(
    session: AsyncSession, agency_id: UUID, client_id: UUID, case_id: UUID, text: str, actor: str
) -> Question:
    """The client's answer: the deadline runs on, and who asked is handed the case first.

    `Invalid` names the choices, where there are some. A case of another client is `NotFound`; a question answered
    before with other words, or a case that is over, is a `Conflict`. The same answer again changes nothing.
    """
    query = select(Case).where(Case.agency_id == agency_id, Case.id == case_id, Case.client_id == client_id)
    case = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
    asked = await _find_newest(session, case) if case is not None else None
    if case is None or asked is None:
        raise NotFound(msg("There is no {id} here", id=show_id("cas", case_id)))
    if asked.answer is not None:
        if asked.answer != text:
            raise Conflict(msg("This question is already answered"), slug="already-answered")
        return asked
    if case.state not in OPEN_STATES:
        raise Conflict(msg("This case is over; nobody waits for an answer any more"), slug="already-decided")
    if asked.choices and not _is_among(text, asked.choices):
        offered = msg("one of {allowed}", allowed=asked.choices)
        wrong = InputError("/text", msg("is none of the choices"), offered)
        raise Invalid(msg("Some values can't be accepted"), errors=[wrong])
    present = (await session.execute(select(func.app_now()))).scalar_one()
    asked.answer, asked.answered_at = text, present
    if case.state == CaseState.WAITING:
        case.state = CaseState.READY
        case.reserved_for, case.reserved_until = asked.member_id, present + KEPT_FOR_ASKER
    await session.flush()
    await move_due_times(session, agency_id, await resume_clocks(session, agency_id, [case.item_id]))
    await _record(session, case, actor, "case.question_answered", asked)
    return asked


async def load_questions(
    session: AsyncSession, agency_id: UUID, case_ids: Collection[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    """What was asked about cases, and answered, oldest first."""
    query = select(Question).where(Question.agency_id == agency_id, Question.case_id.in_(case_ids))
    questions: dict[UUID, list[dict[str, Any]]] = {}
    for asked in await session.scalars(query.order_by(Question.asked_at, Question.id)):
        questions.setdefault(asked.case_id, []).append(describe_question(asked))
    return questions


def describe_question(asked: Question) -> dict[str, Any]:
    return {
        "question": asked.question,
        "choices": asked.choices,
        "by": show_id("mem", asked.member_id),
        "asked_at": asked.asked_at,
        "answer": asked.answer,
        "answered_at": asked.answered_at,
    }


def _is_among(text: str, choices: Sequence[str]) -> bool:
    """Whether it is one of the choices, whatever case and punctuation."""
    key = text_key(text)
    return any(text == choice or (key is not None and key == text_key(choice)) for choice in choices)


async def _find_newest(session: AsyncSession, case: Case) -> Question | None:
    query = select(Question).where(Question.agency_id == case.agency_id, Question.case_id == case.id)
    return (await session.scalars(query.order_by(Question.asked_at.desc(), Question.id.desc()).limit(1))).one_or_none()


async def _tell_client(session: AsyncSession, case: Case, asked: Question) -> None:
    item = await session.get_one(Item, (case.agency_id, case.item_id))
    data = {
        "case": show_id("cas", case.id),
        "item": item_reference(item),
        "question": asked.question,
        "choices": asked.choices,
    }
    told = Announcement(case.client_id, "case.question", data, asked.asked_at, item_id=item.id)
    await announce(session, case.agency_id, [told])


async def _record(session: AsyncSession, case: Case, actor: str, action: str, asked: Question) -> None:
    details = {"case": show_id("cas", case.id), "question": show_id("qst", asked.id)}
    deed = Deed(actor, action, show_id("itm", case.item_id), case.client_id, details)
    await record_deeds(session, case.agency_id, [deed])
