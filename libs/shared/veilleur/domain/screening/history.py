"""An item as its client sees it: where it stands, and how it got there."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.delivery.actions.reasons import explain_reason
from veilleur.domain.delivery.models import PlatformAction
from veilleur.domain.intake.models import Item, ItemRevision, Report
from veilleur.domain.review.models import Case, CaseState
from veilleur.domain.sla.models import Clock
from veilleur.kernel.errors import Gone, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Language, msg


async def find_item(
    session: AsyncSession, agency_id: UUID, *, item_id: UUID | None = None, key: tuple[UUID, str] | None = None
) -> Item:
    """An item by its id, or by `(source, external id)`."""
    query = select(Item).where(Item.agency_id == agency_id)
    query = query.where(tuple_(Item.source_id, Item.external_id) == key if key else Item.id == item_id)
    item = (await session.scalars(query)).one_or_none()
    if item is None:
        raise NotFound(msg("There is no such item"))
    if item.erased_at is not None:
        raise Gone(msg("This item was erased"), slug="erased")
    return item


async def describe_item(session: AsyncSession, item: Item, language: Language = "en") -> dict[str, Any]:
    """State, interim, standing decision, case, clocks and history; nothing of the agency's inside."""
    catalogue = await load_catalogue(session, item.agency_id, item.client_id)
    mine = {"agency_id": item.agency_id, "item_id": item.id}
    newest_last = (Decision.item_revision, Decision.sequence)
    told = or_(Decision.leaves_at.is_(None), Decision.leaves_at <= func.app_now()).label("told")
    of_item = (Decision.agency_id == item.agency_id, Decision.item_id == item.id)
    made = (await session.execute(select(Decision, told).where(*of_item).order_by(*newest_last))).all()
    decisions = [row.Decision for row in made if row.told]
    # What a person has just decided and may still correct: for the client the question is open until it is told.
    held_back = item.state == "decided" and bool(made) and not made[-1].told
    cases = list(await session.scalars(select(Case).filter_by(**mine).order_by(Case.opened_at)))
    clocks = await session.scalars(select(Clock).filter_by(**mine).order_by(Clock.cycle))
    edits = list(await session.scalars(select(ItemRevision).filter_by(**mine).order_by(ItemRevision.revision)))
    reports = list(await session.scalars(select(Report).filter_by(**mine).order_by(Report.received_at)))
    acted = list(await session.scalars(select(PlatformAction).filter_by(**mine)))
    history = _tell_history(item, cases, decisions) + _tell_changes(item, edits, reports)
    history += _tell_actions(acted, {decision.id for decision in decisions}, language)
    shown = [decision_payload(decision, catalogue.policies) for decision in decisions]
    return {
        "id": show_id("itm", item.id),
        "external_id": item.external_id,
        "revision": item.revision,
        "source_id": show_id("src", item.source_id),
        "state": "deleted" if item.deleted_at is not None else "in_review" if held_back else item.state,
        "mode": item.mode,
        "interim": item.interim,
        "received_at": item.received_at,
        "decision": shown[-1] if shown and item.state == "decided" and not held_back else None,
        "case": _describe_case(cases[-1]) if cases else None,
        "clocks": [_describe_clock(clock) for clock in clocks],
        "observed": item.observed,
        "history": sorted(history, key=lambda event: event["at"]),
    }


def _describe_case(case: Case) -> dict[str, Any]:
    return {
        "id": show_id("cas", case.id),
        "state": "open" if case.closed_at is None else case.state,
        "priority": case.priority,
        "opened_at": case.opened_at,
        "closed_at": case.closed_at,
    }


def _describe_clock(clock: Clock) -> dict[str, Any]:
    return {
        "metric": clock.metric,
        "state": clock.state,
        "started_at": clock.started_at,
        "due_at": clock.due_at,
        "deadline": {"at": clock.deadline_at, "cause": clock.deadline_cause} if clock.deadline_at else None,
        "breached_at": clock.breached_at,
        "stopped_at": clock.stopped_at,
    }


def _tell_history(item: Item, cases: list[Case], decisions: list[Decision]) -> list[dict[str, Any]]:
    events = [{"type": "item.received", "at": item.received_at}]
    events += [{"type": "case.opened", "at": case.opened_at, "case": show_id("cas", case.id)} for case in cases]
    events += [
        {"type": "case.withdrawn", "at": case.closed_at, "case": show_id("cas", case.id)}
        for case in cases
        if case.state == CaseState.WITHDRAWN and case.closed_at is not None
    ]
    known = {decision.id for decision in decisions}
    return events + [_tell_decision(decision, known) for decision in decisions]


def _tell_actions(actions: list[PlatformAction], known: set[UUID], language: Language) -> list[dict[str, Any]]:
    """What was done on the platform for decisions the client knows of; what still waits is no history yet."""
    return [
        {
            "type": f"action.{action.state}",
            "at": action.finished_at,
            "decision": show_id("dec", action.decision_id),
            "operation": action.operation,
            "target": action.target,
            "code": action.code,
            "reason": action.reason,
            "detail": explain_reason(action.reason, language),
        }
        for action in actions
        if action.decision_id in known and action.finished_at is not None
    ]


def _tell_decision(decision: Decision, known: set[UUID]) -> dict[str, Any]:
    """What takes back a decision that never left is for the client the first word."""
    told = {
        "type": "decision.made",
        "at": decision.made_at,
        "decision": show_id("dec", decision.id),
        "revision": decision.item_revision,
        "verdict": decision.verdict,
        "automated": decision.automated,
    }
    if decision.reverses is None or decision.reverses not in known:
        return told
    return told | {
        "type": "decision.reversed",
        "reverses": show_id("dec", decision.reverses),
        "cause": decision.cause,
    }


def _tell_changes(item: Item, edits: list[ItemRevision], reports: list[Report]) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [
        {"type": "item.updated", "at": edit.replaced_at, "replaced_revision": edit.revision} for edit in edits
    ]
    events += [
        {"type": "item.reported", "at": report.received_at, "source": report.source, "reason": report.reason}
        for report in reports
    ]
    if item.deleted_at is not None:
        events.append({"type": "item.deleted", "at": item.deleted_at})
    return events
