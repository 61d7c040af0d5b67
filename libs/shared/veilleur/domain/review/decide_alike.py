"""One look, many decisions: what was decided about one item is decided about all that are like it.

Each gets a decision, clock stop, usage record, audit entry and callback of its own; the seconds of the one look are
counted once, with the item that was looked at. What others hold is left to them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.record import Detection, Verdict, record_decisions
from veilleur.domain.intake.models import Item
from veilleur.domain.review.guide import Guide
from veilleur.domain.review.models import Assignment, Case, CaseState
from veilleur.domain.review.reply import Reply, write_reply
from veilleur.domain.review.similar import Similar, SimilarBy, find_similar
from veilleur.kernel.errors import Conflict
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class ApplyTo:
    """Decide all items that are like this one, if they are still `expect` many."""

    by: SimilarBy
    expect: int


@dataclass(frozen=True, slots=True)
class Alike:
    """What is said about every one of them, in the words of the verdict that a person gave."""

    guide: Guide
    ruling: Ruling
    macro: str | None
    given: Verdict


async def lock_alike(session: AsyncSession, agency_id: UUID, member_id: UUID, case_id: UUID, apply_to: ApplyTo) -> None:
    """Lock the items, the decided one among them, then the cases, each in the order of their ids."""
    of_case = select(Case.item_id).where(Case.agency_id == agency_id, Case.id == case_id).scalar_subquery()
    item = (await session.scalars(select(Item).where(Item.agency_id == agency_id, Item.id == of_case))).one()
    found = await find_similar(session, agency_id, item, apply_to.by, member_id)
    items = [item.id, *(one.item_id for one in found.free)]
    cases = [case_id, *(one.id for one in found.free)]
    for table, ids in ((Item, items), (Case, cases)):
        query = select(table.id).where(table.agency_id == agency_id, table.id.in_(ids)).order_by(table.id)
        await session.execute(query.with_for_update(key_share=True))


async def find_alike(
    session: AsyncSession, agency_id: UUID, member_id: UUID, item: Item, apply_to: ApplyTo | None
) -> Similar:
    """The similar cases, looked for once more under the locks; `Conflict` when they are not as many as expected."""
    if apply_to is None:
        return Similar([], [], more=False)
    found = await find_similar(session, agency_id, item, apply_to.by, member_id)
    if len(found.free) != apply_to.expect:
        raise Conflict(
            msg("There are now {count} such cases, not {expect}", count=len(found.free), expect=apply_to.expect),
            slug="count-changed",
            extra={"count": len(found.free), "held": len(found.held)},
        )
    return found


async def decide_alike(
    session: AsyncSession, decision: Decision, found: Similar, alike: Alike, present: datetime
) -> list[Decision]:
    """Decide the similar cases as `decision` decided the first."""
    if not found.free:
        return []
    agency_id = decision.agency_id
    query = select(Item).where(Item.agency_id == agency_id, Item.id.in_([case.item_id for case in found.free]))
    items = {item.id: item for item in await session.scalars(query.execution_options(populate_existing=True))}
    verdicts = [_to_verdict(case, items[case.item_id], alike, decision.id) for case in found.free]
    made = await record_decisions(session, agency_id, verdicts, present)
    await _close(session, agency_id, found.free, decision.member_id)
    return sorted(made, key=lambda one: one.id)


async def list_applied(session: AsyncSession, decision: Decision) -> list[Decision]:
    """The decisions that came with this one, by their ids."""
    query = select(Decision).where(Decision.agency_id == decision.agency_id, Decision.bulk_of == decision.id)
    return list(await session.scalars(query.order_by(Decision.id)))


def _to_verdict(case: Case, item: Item, alike: Alike, bulk_of: UUID) -> Verdict:
    reply = Reply(alike.given.explanation, item.language)
    if alike.macro is not None:
        reply = write_reply(alike.guide.macros[alike.macro], item, alike.guide, alike.ruling)
    return replace(
        alike.given,
        item=item,
        detection=Detection(case.rule_set_version, tuple(why["rule"] for why in case.why), case.evaluation_id),
        case_id=case.id,
        review_seconds=None,
        explanation=reply.text,
        language=reply.language,
        bulk_of=bulk_of,
    )


async def _close(session: AsyncSession, agency_id: UUID, cases: Sequence[Case], member_id: UUID | None) -> None:
    """Close the cases; who held one of them in vain is told that it is decided."""
    ids = [case.id for case in cases]
    ended = (Assignment.agency_id == agency_id, Assignment.case_id.in_(ids), Assignment.ended_at.is_(None))
    mine = Assignment.member_id == member_id
    await session.execute(update(Assignment).where(*ended, mine).values(outcome="decided", ended_at=func.app_now()))
    await session.execute(update(Assignment).where(*ended, ~mine).values(outcome="expired", ended_at=func.app_now()))
    closed = {"state": CaseState.DECIDED, "holder_id": None, "lease_expires_at": None, "closed_at": func.app_now()}
    await session.execute(
        update(Case)
        .where(Case.agency_id == agency_id, Case.id.in_(ids))
        .values(closed)
        .execution_options(synchronize_session=False)
    )
