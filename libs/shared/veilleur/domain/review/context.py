"""All that a moderator needs to decide, gathered for several cases in a bounded number of queries."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.queries import ClientCatalogue, load_catalogues
from veilleur.domain.decisions.models import Decision
from veilleur.domain.intake.models import Item, Report
from veilleur.domain.intake.shape import item_content
from veilleur.domain.review.guide import guide_version
from veilleur.domain.review.models import Case, Note, Queue
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.ids import show_id

SHOWN = 10
"""How many earlier items of an author, messages of a thread and notes are shown."""
SIMILAR_CAP = 1_000


@dataclass(frozen=True, slots=True)
class _Gathered:
    items: dict[UUID, Item]
    clients: dict[UUID, Client]
    queues: dict[UUID, Queue]
    catalogues: dict[UUID, ClientCatalogue]
    reports: dict[UUID, list[dict[str, Any]]]


async def describe_assignments(session: AsyncSession, agency_id: UUID, cases: Sequence[Case]) -> list[dict[str, Any]]:
    """Assignments as the contract shapes them, in the order of `cases`."""
    if not cases:
        return []
    client_ids = {case.client_id for case in cases}
    gathered = _Gathered(
        items=await _load(session, Item, agency_id, {case.item_id for case in cases}),
        clients=await _load(session, Client, agency_id, client_ids),
        queues=await _load(session, Queue, agency_id, {case.queue_id for case in cases}),
        catalogues=await load_catalogues(session, agency_id, client_ids),
        reports=await _load_reports(session, agency_id, {case.item_id for case in cases}),
    )
    return [await _describe(session, case, gathered) for case in cases]


async def _describe(session: AsyncSession, case: Case, gathered: _Gathered) -> dict[str, Any]:
    item, client = gathered.items[case.item_id], gathered.clients[case.client_id]
    catalogue = gathered.catalogues[case.client_id]
    return {
        "id": show_id("asg", case.assignment_id) if case.assignment_id else None,
        "fence": case.fence,
        "expires_at": case.lease_expires_at,
        "client": {"id": show_id("cli", client.id), "slug": client.slug, "name": client.name},
        "case": {
            "id": show_id("cas", case.id),
            "queue": gathered.queues[case.queue_id].code,
            "priority": case.priority,
            "reason": case.reason,
            "opened_at": case.opened_at,
            "due_at": case.due_at,
            "reports": gathered.reports.get(case.item_id, []),
        },
        "item": item_content(item),
        "context": await _describe_context(session, case, item),
        "why": [{"rule": why["rule"], "spans": why["spans"]} for why in case.why],
        "guide": {
            "version": guide_version(catalogue),
            "policies": sorted(catalogue.policies),
            "actions": sorted(catalogue.actions),
        },
        "wellness": {"blur": True, "severity": _severity(case, catalogue)},
    }


async def _describe_context(session: AsyncSession, case: Case, item: Item) -> dict[str, Any]:
    sent = item.body.get("context") or {}
    thread = [Item.source_id == item.source_id, Item.thread_id == item.thread_id] if item.thread_id else None
    author = [Item.author_external_id == item.author_external_id] if item.author_external_id else None
    return {
        "parent": sent.get("parent"),
        "thread": await _list_items(session, item, thread),
        "author": {
            "items": await _list_items(session, item, author),
            "decisions": await _count_verdicts(session, item),
        },
        "notes": await _list_notes(session, case, item),
        "similar": await _count_similar(session, item),
    }


async def _list_items(
    session: AsyncSession, item: Item, conditions: list[ColumnElement[bool]] | None
) -> list[dict[str, Any]]:
    """Other items of the client, newest first, each with its latest verdict."""
    if conditions is None:
        return []
    verdict = (
        select(Decision.verdict)
        .where(Decision.agency_id == Item.agency_id, Decision.item_id == Item.id)
        .order_by(Decision.item_revision.desc(), Decision.sequence.desc())
        .limit(1)
        .scalar_subquery()
    )
    query = (
        select(Item, verdict.label("verdict"))
        .where(Item.agency_id == item.agency_id, Item.client_id == item.client_id, Item.id != item.id, *conditions)
        .order_by(Item.received_at.desc())
        .limit(SHOWN)
    )
    return [
        {
            "id": show_id("itm", row.Item.id),
            "external_id": row.Item.external_id,
            "text": row.Item.body.get("text"),
            "author": (row.Item.body.get("author") or {}).get("external_id"),
            "received_at": row.Item.received_at,
            "state": row.Item.state,
            "verdict": row.verdict,
        }
        for row in await session.execute(query)
    ]


async def _count_verdicts(session: AsyncSession, item: Item) -> dict[str, int]:
    """The author's earlier decisions in this client that stand, by verdict."""
    if item.author_external_id is None:
        return {}
    query = (
        select(Decision.verdict, func.count())
        .join(Item, (Item.agency_id == Decision.agency_id) & (Item.id == Decision.item_id))
        .where(
            Item.agency_id == item.agency_id,
            Item.client_id == item.client_id,
            Item.author_external_id == item.author_external_id,
            Decision.reversed_by.is_(None),
        )
        .group_by(Decision.verdict)
    )
    return dict((await session.execute(query)).all())


async def _list_notes(session: AsyncSession, case: Case, item: Item) -> list[dict[str, Any]]:
    pinned = tuple_(Note.client_id, Note.author_external_id) == (case.client_id, item.author_external_id)
    query = (
        select(Note)
        .where(Note.agency_id == case.agency_id, or_(Note.case_id == case.id, pinned))
        .order_by(Note.created_at.desc())
        .limit(SHOWN)
    )
    return [
        {
            "text": note.text,
            "pin": "author" if note.author_external_id else "case",
            "by": show_id("mem", note.member_id),
            "at": note.created_at,
        }
        for note in await session.scalars(query)
    ]


async def _count_similar(session: AsyncSession, item: Item) -> int:
    """How many other items of this client say the same but for case, spacing and punctuation (counted to 1,000)."""
    if item.text_key is None:
        return 0
    same = (
        select(Item.id)
        .where(
            Item.agency_id == item.agency_id,
            Item.client_id == item.client_id,
            Item.text_key == item.text_key,
            Item.id != item.id,
        )
        .limit(SIMILAR_CAP)
    )
    return (await session.execute(select(func.count()).select_from(same.subquery()))).scalar_one()


def _severity(case: Case, catalogue: ClientCatalogue) -> int:
    suspected = {code for why in case.why for code in why.get("policies", ())}
    return max((catalogue.policies[code].severity for code in suspected if code in catalogue.policies), default=1)


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
