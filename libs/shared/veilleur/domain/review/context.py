"""All that a moderator needs to decide, gathered for several cases in a fixed number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item, Report
from veilleur.domain.intake.shape import item_content
from veilleur.domain.intake.sources.deadlines import Deadline, show_deadline
from veilleur.domain.review.care import MOST_SEVERE, list_suspected
from veilleur.domain.review.deadlines import load_deadlines
from veilleur.domain.review.guide import Guide, load_guides, summarise_guide
from veilleur.domain.review.models import Case, Queue
from veilleur.domain.review.surroundings import describe_surroundings
from veilleur.domain.review.wellbeing import Care, load_care
from veilleur.kernel.ids import show_id


@dataclass(frozen=True, slots=True)
class _Gathered:
    items: dict[UUID, Item]
    queues: dict[UUID, Queue]
    guides: dict[UUID, Guide]
    reports: dict[UUID, list[dict[str, Any]]]
    contexts: dict[UUID, dict[str, Any]]
    care: dict[UUID, Care]
    deadlines: dict[UUID, Deadline]


async def describe_assignments(session: AsyncSession, agency_id: UUID, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Assignments as the contract shapes them, in the order of `cases`."""
    if not cases:
        return []
    items = await _load(session, Item, agency_id, {case.item_id for case in cases})
    gathered = _Gathered(
        items=items,
        queues=await _load(session, Queue, agency_id, {case.queue_id for case in cases}),
        guides=await load_guides(session, agency_id, {case.client_id for case in cases}),
        reports=await _load_reports(session, agency_id, set(items)),
        contexts=await describe_surroundings(session, agency_id, cases, items),
        care=await load_care(session, agency_id, {case.holder_id for case in cases if case.holder_id}),
        deadlines=await load_deadlines(session, agency_id, items.values()),
    )
    return [_describe(case, gathered) for case in cases]


def _describe(case: Case, gathered: _Gathered) -> dict[str, Any]:
    guide = gathered.guides[case.client_id]
    care = gathered.care.get(case.holder_id) if case.holder_id is not None else None
    reports = gathered.reports.get(case.item_id, [])
    scale = guide.scale if gathered.items[case.item_id].hold_class is None else MOST_SEVERE
    return {
        "id": show_id("asg", case.assignment_id) if case.assignment_id else None,
        "fence": case.fence,
        "expires_at": case.lease_expires_at,
        "client": {"id": show_id("cli", guide.client.id), "slug": guide.client.slug, "name": guide.client.name},
        "case": {
            "id": show_id("cas", case.id),
            "queue": gathered.queues[case.queue_id].code,
            "priority": case.priority,
            "reason": case.reason,
            "opened_at": case.opened_at,
            "due_at": case.due_at,
            "deadline": show_deadline(gathered.deadlines.get(case.item_id)),
            "reports": reports,
            "suggestion": case.suggestion,
        },
        "item": item_content(gathered.items[case.item_id], restricted=gathered.queues[case.queue_id].restricted),
        "context": gathered.contexts[case.id],
        "why": [{"rule": why["rule"], "spans": why["spans"]} for why in case.why],
        "guide": summarise_guide(guide),
        "wellness": {
            "blur": care.blur if care is not None else True,
            "severity": scale.rate(list_suspected(case.why, [report["reason"] for report in reports])),
        },
    }


async def _load(session: AsyncSession, table: Any, agency_id: UUID, ids: set[UUID]) -> dict[UUID, Any]:
    query = select(table).where(table.agency_id == agency_id, table.id.in_(ids))
    return {row.id: row for row in await session.scalars(query)}


async def _load_reports(
    session: AsyncSession, agency_id: UUID, item_ids: set[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    """All reports of the items, oldest first."""
    query = select(Report).where(Report.agency_id == agency_id, Report.item_id.in_(item_ids))
    reports: dict[UUID, list[dict[str, Any]]] = {}
    for report in await session.scalars(query.order_by(Report.received_at)):
        reports.setdefault(report.item_id, []).append(
            {
                "source": report.source,
                "reason": report.reason,
                "detail": report.detail,
                "reporter": {"external_id": report.reporter_external_id} if report.reporter_external_id else None,
                "at": report.received_at,
            }
        )
    return reports
