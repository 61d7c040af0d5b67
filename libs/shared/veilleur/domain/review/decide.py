"""A moderator's decision: fenced, checked against the client's catalogue, safe to repeat."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.record import Detection, Verdict, record_decisions
from veilleur.domain.intake.models import Item
from veilleur.domain.intake.shape import item_content
from veilleur.domain.review.care import MOST_SEVERE
from veilleur.domain.review.decide_alike import Alike, ApplyTo, decide_alike, find_alike, list_applied, lock_alike
from veilleur.domain.review.flag import settle_alarms
from veilleur.domain.review.guide import Guide, load_guides
from veilleur.domain.review.lease import find_assignment, lock_held, lock_member, require_lease
from veilleur.domain.review.models import Assignment, Case, CaseState
from veilleur.domain.review.reply import Reply, check_request, write_reply
from veilleur.domain.review.wellbeing import Look, record_exposure
from veilleur.domain.tenancy.models import Member
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.messages import Message, msg


@dataclass(frozen=True, slots=True)
class DecisionRequest:
    """What a moderator sends. `digest` identifies the request, so that a repetition is known as one."""

    fence: int
    revision: int
    ruling: Ruling
    explanation: str | None
    note: str | None
    digest: bytes
    macro: str | None = None
    """The saved reply that explains the decision, instead of `explanation`."""
    apply_to: ApplyTo | None = None


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision, those about similar items that came with it, and similar cases left to those who hold them."""

    decision: Decision
    applied: list[Decision]
    skipped: list[Case]
    repeated: bool


async def decide_case(
    session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID, request: DecisionRequest
) -> Decided:
    """Decide the case behind an assignment; the same request again answers the same decision."""
    member = await lock_member(session, agency_id, member_id)
    # Items before cases, as screening does: an edit under way and a decision would wait for each other for ever.
    found = await find_assignment(session, agency_id, member_id, assignment_id)
    if request.apply_to is not None:
        await lock_alike(session, agency_id, member_id, found.case_id, request.apply_to)
    item = await _lock_item(session, agency_id, found.case_id)
    assignment, case = await lock_held(session, agency_id, member_id, assignment_id)
    if assignment.outcome == "decided":
        return await _repeat(session, agency_id, assignment, request)
    if case.state == CaseState.WITHDRAWN and assignment.fence == request.fence and item.deleted_at is None:
        await _refuse_edited(session, item)
    require_lease(assignment, case, request.fence)
    if item.deleted_at is not None and item.hold_class is None:
        raise Conflict(msg("The item was withdrawn; there is nothing left to decide"), slug="item-withdrawn")
    if request.revision > item.revision:
        never = InputError(
            "/revision", msg("there is no such revision"), msg("it is {revision}", revision=item.revision)
        )
        raise Invalid(msg("Some values can't be accepted"), errors=[never])
    if request.revision != item.revision:
        raise Conflict(
            msg("The item was edited while you looked at it; your lease is kept"),
            slug="item-changed",
            extra={"item": item_content(item)},
        )
    present = (await session.execute(select(func.app_now()))).scalar_one()
    guide = (await load_guides(session, agency_id, [case.client_id]))[case.client_id]
    _check(request, guide, present)
    reply = _explain(request, item, guide)
    alike = await find_alike(session, agency_id, member_id, item, request.apply_to)
    seconds = _count_seconds(member, assignment, case, present)
    verdict = _to_verdict(case, assignment, item, request, reply, seconds)
    [decision] = await record_decisions(session, agency_id, [verdict], present)
    await _close(session, agency_id, case, assignment, decision, request.digest)
    scale = guide.scale if item.hold_class is None else MOST_SEVERE
    await record_exposure(session, case, member_id, Look("decision", scale, request.ruling.policies, seconds))
    applied = await decide_alike(
        session, decision, alike, Alike(guide, request.ruling, request.macro, verdict), present
    )
    return Decided(decision, applied, alike.held, repeated=False)


async def _repeat(session: AsyncSession, agency_id: UUID, assignment: Assignment, request: DecisionRequest) -> Decided:
    if assignment.request_digest != request.digest or assignment.fence != request.fence:
        raise Conflict(msg("This case is already decided"), slug="already-decided")
    decision = await session.get_one(Decision, (agency_id, assignment.decision_id))
    return Decided(decision, await list_applied(session, decision), [], repeated=True)


async def _refuse_edited(session: AsyncSession, item: Item) -> None:
    """The text that was in hand is gone, and rules have answered for the one in its place."""
    query = select(Decision.verdict).where(
        Decision.agency_id == item.agency_id, Decision.item_id == item.id, Decision.item_revision == item.revision
    )
    verdict = await session.scalar(query.order_by(Decision.sequence.desc()).limit(1))
    told = {"item": item_content(item), "verdict": verdict}
    raise Conflict(_say_edited(verdict), slug="item-withdrawn", extra=told)


def _say_edited(verdict: str | None) -> Message:
    if verdict == "allow":
        return msg("The item was edited while you looked at it, and rules allowed the new text: the case is over")
    if verdict is not None:
        return msg("The item was edited while you looked at it, and rules decided about the new text: the case is over")
    return msg("The item was edited while you looked at it, and the new text asks for nobody: the case is over")


async def _lock_item(session: AsyncSession, agency_id: UUID, case_id: UUID) -> Item:
    of_case = select(Case.item_id).where(Case.agency_id == agency_id, Case.id == case_id).scalar_subquery()
    query = select(Item).where(Item.agency_id == agency_id, Item.id == of_case)
    locked = await session.scalars(query.with_for_update(key_share=True).execution_options(populate_existing=True))
    return locked.one()


def _check(request: DecisionRequest, guide: Guide, present: datetime) -> None:
    errors = check_request(request.ruling, request.macro, request.explanation, guide, present)
    if errors:
        raise Invalid(msg("The decision does not fit this client's catalogue"), slug="not-in-catalogue", errors=errors)


def _explain(request: DecisionRequest, item: Item, guide: Guide) -> Reply:
    if request.macro is None:
        return Reply(request.explanation, item.language)
    return write_reply(guide.macros[request.macro], item, guide, request.ruling)


def _to_verdict(
    case: Case, assignment: Assignment, item: Item, request: DecisionRequest, reply: Reply, review_seconds: int
) -> Verdict:
    return Verdict(
        item=item,
        ruling=request.ruling,
        detection=Detection(case.rule_set_version, tuple(why["rule"] for why in case.why), case.evaluation_id),
        case_id=case.id,
        member_id=assignment.member_id,
        review_seconds=review_seconds,
        explanation=reply.text,
        language=reply.language,
        bulk=request.apply_to is not None,
        note=request.note,
    )


def _count_seconds(member: Member, assignment: Assignment, case: Case, present: datetime) -> int:
    """Whole seconds of attention: from the claim, or from the end of this person's previous case if that was later.

    With several cases in hand the same second is never counted twice. A lease that ran out ends the attention: who
    comes back hours later to a case that nobody else claimed was not looking at it all the while.
    """
    begun = max(filter(None, (assignment.claimed_at, member.attentive_since)))
    ended = min(filter(None, (present, case.lease_expires_at)))
    return max(0, round((ended - begun).total_seconds()))


async def _close(
    session: AsyncSession,
    agency_id: UUID,
    case: Case,
    assignment: Assignment,
    decision: Decision,
    digest: bytes,
) -> None:
    ended: dict[str, Any] = {"ended_at": func.app_now(), "outcome": "decided"}
    await session.execute(
        update(Case)
        .where(Case.agency_id == agency_id, Case.id == case.id)
        .values(state=CaseState.DECIDED, holder_id=None, lease_expires_at=None, closed_at=func.app_now())
    )
    await session.execute(
        update(Assignment)
        .where(Assignment.agency_id == agency_id, Assignment.id == assignment.id)
        .values(**ended, decision_id=decision.id, request_digest=digest)
    )
    await session.execute(
        update(Member)
        .where(Member.agency_id == agency_id, Member.id == assignment.member_id)
        .values(attentive_since=func.app_now())
    )
    if case.flag is not None or case.passed_by:
        await settle_alarms(session, case)
