"""Opening cases: the case, its clock, the item's new state and the client's notice, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.intake.sources.deadlines import Deadline
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.review.deadlines import load_deadlines
from veilleur.domain.review.models import OPEN_STATES, Assignment, Case, CaseState
from veilleur.domain.review.needs import write_needs
from veilleur.domain.review.plan import load_plan
from veilleur.domain.review.routing import Destination, Facts, Plan, choose_destination
from veilleur.domain.review.snapshot_media import request_snapshots
from veilleur.domain.sla.clocks import ClockStart, pause_clocks, start_clocks
from veilleur.domain.sla.policy import CaseFacts, Priority
from veilleur.domain.sla.terms import Terms, load_terms
from veilleur.domain.tenancy.models import Client
from veilleur.infra.db.among import is_among
from veilleur.infra.db.bulk import insert_rows
from veilleur.kernel.ids import new_id, show_id

Reason = Literal[
    "rule", "no_rule_set", "reported", "advice", "rules_off", "screening_failed", "screening_overdue", "legal_hold"
]
"""`advice`: rules would decide but may only advise; `rules_off` and `legal_hold`: they are not asked at all."""


@dataclass(frozen=True, slots=True)
class Opening:
    """An item that needs a person; `queue` is the code a content rule names, and `skills` are what it asks for."""

    item: Item
    reason: Reason
    queue: str | None = None
    skills: tuple[str, ...] = ()
    priority: Priority = "normal"
    interim: str | None = None
    why: list[dict[str, Any]] = field(default_factory=list)
    suggestion: dict[str, Any] | None = None
    evaluation_id: UUID | None = None
    rule_set_version: int | None = None
    reporters: tuple[str, ...] = ()
    """The kinds of who reported the item."""


async def open_cases(session: AsyncSession, agency_id: UUID, openings: Sequence[Opening], present: datetime) -> None:
    """Open a case an item, or renew the open one of an item that was edited meanwhile."""
    if not openings:
        return
    standing = await lock_open_cases(session, agency_id, [opening.item.id for opening in openings])
    for opening in openings:
        if opening.item.id in standing:
            await _renew(session, agency_id, opening)
    fresh = [opening for opening in openings if opening.item.id not in standing]
    client_ids = {opening.item.client_id for opening in fresh}
    terms = await load_terms(session, agency_id, client_ids)
    plan = await load_plan(session, agency_id)
    defaults = await _default_queues(session, agency_id, client_ids)
    deadlines = await load_deadlines(session, agency_id, [opening.item for opening in fresh])
    prepared = [
        _Prepared(
            case_id=new_id(),
            deadline=deadlines.get(opening.item.id),
            opening=opening,
            destination=_route(opening, plan, defaults[opening.item.client_id]),
            terms=terms[opening.item.client_id],
        )
        for opening in fresh
    ]
    await _mark_items(session, agency_id, openings)
    await request_snapshots(session, agency_id, [opening.item for opening in openings])
    if prepared:
        due = await start_clocks(session, agency_id, [_clock_start(case) for case in prepared], present)
        held = [case.opening.item.id for case in prepared if case.opening.item.hold_class is not None]
        if held:
            due |= await pause_clocks(session, agency_id, held, "legal_hold")
        await insert_rows(session, Case, [_case_row(agency_id, case, due[case.opening.item.id]) for case in prepared])
    await record_deeds(session, agency_id, [_to_deed(case) for case in prepared])
    await announce(session, agency_id, [_tell(case, present) for case in prepared])


def state_facts(item: Item, *, priority: Priority, queue: str) -> CaseFacts:
    """What the promise for a case of this item may depend on."""
    return CaseFacts(
        priority=priority,
        queue=queue,
        kind=item.kind,
        source=show_id("src", item.source_id),
        language=item.language or "und",
    )


async def lock_open_cases(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> set[UUID]:
    """Lock the open cases of items, in the order of their ids; the items that have one.

    Items are locked before cases, here and in decisions. Whoever writes to several cases locks them all at once first.
    """
    query = select(Case.item_id).where(
        Case.agency_id == agency_id,
        is_among(Case.item_id, item_ids),
        Case.state.in_(OPEN_STATES),
    )
    return set(await session.scalars(query.order_by(Case.id).with_for_update(key_share=True)))


async def withdraw_cases(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> None:
    """Close the open cases of items that need no person any more."""
    closed = await session.execute(
        update(Case)
        .where(
            Case.agency_id == agency_id,
            is_among(Case.item_id, item_ids),
            Case.state.in_(OPEN_STATES),
        )
        .values(
            state=CaseState.WITHDRAWN,
            holder_id=None,
            lease_expires_at=None,
            closed_at=func.app_now(),
            reserved_for=None,
            reserved_until=None,
        )
        .returning(Case.id)
    )
    await session.execute(
        update(Assignment)
        .where(
            Assignment.agency_id == agency_id,
            Assignment.case_id.in_(closed.scalars().all()),
            Assignment.ended_at.is_(None),
        )
        .values(outcome="withdrawn", ended_at=func.app_now())
    )


@dataclass(frozen=True, slots=True)
class _Prepared:
    case_id: UUID
    deadline: Deadline | None
    opening: Opening
    destination: Destination
    terms: Terms


def _route(opening: Opening, plan: Plan, default_id: UUID) -> Destination:
    facts = case_facts(opening.item, opening.why, opening.priority)
    return choose_destination(facts, plan, default_id, named=opening.queue, skills=opening.skills)


def case_facts(item: Item, why: Sequence[dict[str, Any]], priority: str) -> Facts:
    """What routing looks at, of a case of this item."""
    policies = frozenset(code for reason in why for code in reason.get("policies", ()))
    return Facts(item.client_id, item.kind, item.language, policies, priority)


async def _renew(session: AsyncSession, agency_id: UUID, opening: Opening) -> None:
    await session.execute(
        update(Case)
        .where(
            Case.agency_id == agency_id,
            Case.item_id == opening.item.id,
            Case.state.in_(OPEN_STATES),
        )
        .values(
            item_revision=opening.item.revision,
            why=opening.why,
            suggestion=opening.suggestion,
            evaluation_id=opening.evaluation_id,
            rule_set_version=opening.rule_set_version,
        )
    )


async def _default_queues(session: AsyncSession, agency_id: UUID, client_ids: set[UUID]) -> dict[UUID, UUID]:
    rows = await session.execute(
        select(Client.id, Client.queue_id).where(Client.agency_id == agency_id, Client.id.in_(client_ids))
    )
    return dict(rows.all())


_MARK_ITEMS = text("""
UPDATE items SET state = 'in_review', interim = coalesce(t.interim, items.interim)
FROM unnest(CAST(:ids AS uuid[]), CAST(:interims AS text[])) AS t(id, interim)
WHERE items.agency_id = :agency_id AND items.id = t.id
""")


async def _mark_items(session: AsyncSession, agency_id: UUID, openings: Sequence[Opening]) -> None:
    values = {
        "agency_id": agency_id,
        "ids": [opening.item.id for opening in openings],
        "interims": [opening.interim for opening in openings],
    }
    await session.execute(_MARK_ITEMS, values)


def _case_row(agency_id: UUID, case: _Prepared, due_at: datetime) -> dict[str, Any]:
    opening = case.opening
    return {
        "agency_id": agency_id,
        "id": case.case_id,
        "client_id": opening.item.client_id,
        "source_id": opening.item.source_id,
        "item_id": opening.item.id,
        "item_revision": opening.item.revision,
        "queue_id": case.destination.queue.id,
        "needs": write_needs(case.destination.needs),
        "priority": opening.priority,
        "reason": opening.reason,
        "why": opening.why,
        "suggestion": opening.suggestion,
        "evaluation_id": opening.evaluation_id,
        "rule_set_version": opening.rule_set_version,
        "due_at": due_at,
    }


def _clock_start(case: _Prepared) -> ClockStart:
    item = case.opening.item
    return ClockStart(
        client_id=item.client_id,
        item_id=item.id,
        case_id=case.case_id,
        terms=case.terms,
        facts=replace(
            state_facts(item, priority=case.opening.priority, queue=case.destination.queue.code),
            report_source=case.opening.reporters,
        ),
        started_at=item.asked_at,
        deadline=case.deadline,
    )


def _to_deed(case: _Prepared) -> Deed:
    item = case.opening.item
    return Deed(
        "rules" if case.opening.reason == "rule" else "system",
        "case.opened",
        show_id("itm", item.id),
        item.client_id,
        {"case": show_id("cas", case.case_id), "reason": case.opening.reason},
    )


def _tell(case: _Prepared, present: datetime) -> Announcement:
    item = case.opening.item
    return Announcement(
        client_id=item.client_id,
        type="item.held",
        data={"item": item_reference(item), "interim": case.opening.interim or item.interim},
        occurred_at=present,
        item_id=item.id,
    )
