"""Cases as leads and owners list them: where each stands and who has it, without a word of content."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.review.flag import MAX_EXPIRIES
from veilleur.domain.review.models import Assignment, Case, CaseState, Queue
from veilleur.kernel.ids import show_id

ListedState = Literal["open", "ready", "leased", "waiting", "over", "decided", "withdrawn", "closed"]
_OVER = ("over", "decided", "withdrawn", "closed")


@dataclass(frozen=True, slots=True)
class Filter:
    """What is listed. Open cases come by due time, cases that are over by when they ended."""

    state: ListedState = "open"
    client_id: UUID | None = None
    queue: str | None = None
    due_before: datetime | None = None
    flagged: bool | None = None

    @property
    def is_over(self) -> bool:
        return self.state in _OVER


async def list_cases(
    session: AsyncSession, agency_id: UUID, wanted: Filter, limit: int, after: tuple[datetime, UUID] | None
) -> Sequence[Case]:
    """`limit + 1` cases behind `after` in the order of `sort_key`."""
    order = Case.closed_at if wanted.is_over else Case.due_at
    query = select(Case).where(Case.agency_id == agency_id, *_to_conditions(agency_id, wanted))
    if after is not None:
        query = query.where(tuple_(order, Case.id) > after)
    return (await session.scalars(query.order_by(order, Case.id).limit(limit + 1))).all()


def sort_key(case: Case, wanted: Filter) -> tuple[str, str]:
    at = case.closed_at if wanted.is_over else case.due_at
    return (at.isoformat() if at else "", str(case.id))


async def describe_cases(session: AsyncSession, agency_id: UUID, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """In two more statements, however many cases."""
    items = select(Item.id, Item.external_id, Item.kind, Item.language).where(
        Item.agency_id == agency_id, Item.id.in_({case.item_id for case in cases})
    )
    found = {row.id: row for row in await session.execute(items)}
    codes = dict((await session.execute(select(Queue.id, Queue.code).where(Queue.agency_id == agency_id))).all())
    present = (await session.execute(select(func.app_now()))).scalar_one()
    return [_describe(case, found[case.item_id], codes[case.queue_id], present) for case in cases]


async def describe_assignments_of(session: AsyncSession, case: Case) -> list[dict[str, Any]]:
    """Every claim of a case and how it ended, oldest first."""
    query = select(Assignment).where(Assignment.agency_id == case.agency_id, Assignment.case_id == case.id)
    return [
        {
            "id": show_id("asg", one.id),
            "member": show_id("mem", one.member_id),
            "claimed_at": one.claimed_at,
            "ended_at": one.ended_at,
            "outcome": one.outcome,
            "reason": one.reason,
        }
        for one in await session.scalars(query.order_by(Assignment.fence))
    ]


def _to_conditions(agency_id: UUID, wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [
        Case.closed_at.is_not(None) if wanted.is_over else Case.closed_at.is_(None)
    ]
    if wanted.state not in ("open", "over"):
        conditions.append(Case.state == wanted.state)
    if wanted.client_id is not None:
        conditions.append(Case.client_id == wanted.client_id)
    if wanted.queue is not None:
        of_code = select(Queue.id).where(Queue.agency_id == agency_id, Queue.code == wanted.queue)
        conditions.append(Case.queue_id == of_code.scalar_subquery())
    if wanted.due_before is not None:
        conditions.append(Case.due_at < wanted.due_before)
    if wanted.flagged is not None:
        flagged = or_(Case.flag.is_not(None), _is_hopeless())
        conditions.append(flagged if wanted.flagged else ~flagged)
    return conditions


def _is_hopeless() -> ColumnElement[bool]:
    """The lease that was one too many has run out, and nobody has come by to flag the case."""
    ran_out = and_(Case.state == CaseState.LEASED, Case.lease_expires_at <= func.app_now())
    return func.coalesce(and_(ran_out, Case.expiries + 1 >= MAX_EXPIRIES), False)


def _describe(case: Case, item: Any, queue: str, present: datetime) -> dict[str, Any]:
    ran_out = case.lease_expires_at is not None and case.lease_expires_at <= present
    return {
        "id": show_id("cas", case.id),
        "client": show_id("cli", case.client_id),
        "queue": queue,
        "state": case.state,
        "priority": case.priority,
        "reason": case.reason,
        "flag": case.flag or ("expired" if ran_out and case.expiries + 1 >= MAX_EXPIRIES else None),
        "opened_at": case.opened_at,
        "due_at": case.due_at,
        "closed_at": case.closed_at,
        "holder": show_id("mem", case.holder_id) if case.holder_id else None,
        "expires_at": case.lease_expires_at,
        "expiries": case.expiries,
        "skipped_by": [show_id("mem", member_id) for member_id in case.passed_by],
        "kept_for": show_id("mem", case.reserved_for) if _is_kept(case, present) and case.reserved_for else None,
        "item": {
            "id": show_id("itm", case.item_id),
            "external_id": item.external_id,
            "kind": item.kind,
            "language": item.language,
        },
    }


def _is_kept(case: Case, present: datetime) -> bool:
    return case.reserved_until is not None and case.reserved_until > present
