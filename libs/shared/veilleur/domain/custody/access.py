"""What is held of an author, for who asks on their behalf (GDPR, article 15): counts of everything, items in full."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.custody.subject import Subject, require_source
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.intake.models import Item, ItemRevision, Report
from veilleur.domain.outbox.models import Event
from veilleur.domain.review.models import Case, Note
from veilleur.domain.review.snapshot_models import MediaSnapshot
from veilleur.domain.screening.models import StoredEvaluation
from veilleur.infra.db.among import is_among
from veilleur.kernel.ids import show_id
from veilleur.kernel.paging import Page, PageRequest, cut_page


async def open_file(
    session: AsyncSession, agency_id: UUID, subject: Subject, page: PageRequest, actor: str
) -> dict[str, Any]:
    """A page of the author's items with all that hangs on them, and how much there is of each kind. It is noted who
    looked, and not at whom.
    """
    await require_source(session, agency_id, subject.client_id, subject.source_id)
    query = select(Item).where(*subject.owns(agency_id)).order_by(Item.id)
    if page.after is not None:
        query = query.where(Item.id > _read_uuid(page.after[0]))
    rows = (await session.scalars(query.limit(page.limit + 1))).all()
    cut: Page[Item] = cut_page(rows, page, lambda item: [str(item.id)])
    held = await _count(session, agency_id, subject)
    deed = Deed(
        actor, "author.accessed", show_id("cli", subject.client_id), subject.client_id, {"items": len(cut.data)}
    )
    await record_deeds(session, agency_id, [deed])
    data = await _describe(session, agency_id, subject.client_id, cut.data)
    return {"author": subject.author, "held": held, "data": data, "next": cut.next}


async def _count(session: AsyncSession, agency_id: UUID, subject: Subject) -> dict[str, int]:
    mine = select(Item.id).where(*subject.owns(agency_id))
    of_items: dict[str, Any] = {
        "revisions": ItemRevision,
        "reports_about": Report,
        "decisions": Decision,
        "evaluations": StoredEvaluation,
        "events": Event,
        "media_snapshots": MediaSnapshot,
        "cases": Case,
    }
    counts = {"items": await _sum(session, select(func.count()).select_from(Item).where(*subject.owns(agency_id)))}
    for kind, table in of_items.items():
        query = select(func.count()).select_from(table).where(table.agency_id == agency_id, table.item_id.in_(mine))
        counts[kind] = await _sum(session, query)
    for kind, table, column in (
        ("reports_made", Report, "reporter_external_id"),
        ("notes", Note, "author_external_id"),
    ):
        of_client = (table.agency_id == agency_id, table.client_id == subject.client_id)
        query = select(func.count()).select_from(table).where(*of_client, getattr(table, column) == subject.author)
        counts[kind] = await _sum(session, query)
    return counts


async def _sum(session: AsyncSession, query: Any) -> int:
    number: int = (await session.execute(query)).scalar_one()
    return number


async def _describe(
    session: AsyncSession, agency_id: UUID, client_id: UUID, items: Sequence[Item]
) -> list[dict[str, Any]]:
    ids = [item.id for item in items]
    catalogue = await load_catalogue(session, agency_id, client_id)
    related: dict[str, dict[UUID, list[dict[str, Any]]]] = {
        "revisions": {},
        "decisions": {},
        "reports": {},
        "media": {},
    }
    for revision in await _of(session, agency_id, ItemRevision, ids):
        shown: dict[str, Any] = {
            "revision": revision.revision,
            "item": revision.body,
            "replaced_at": revision.replaced_at,
        }
        related["revisions"].setdefault(revision.item_id, []).append(shown)
    for decision in await _of(session, agency_id, Decision, ids):
        related["decisions"].setdefault(decision.item_id, []).append(decision_payload(decision, catalogue.policies))
    for report in await _of(session, agency_id, Report, ids):
        shown = {"source": report.source, "reason": report.reason, "received_at": report.received_at}
        related["reports"].setdefault(report.item_id, []).append(shown)
    for snapshot in await _of(session, agency_id, MediaSnapshot, ids):
        shown = {"url": snapshot.url, "state": snapshot.state, "fetched_at": snapshot.fetched_at}
        related["media"].setdefault(snapshot.item_id, []).append(shown)
    return [_show(item) | {kind: of.get(item.id, []) for kind, of in related.items()} for item in items]


def _show(item: Item) -> dict[str, Any]:
    return {
        "id": show_id("itm", item.id),
        "external_id": item.external_id,
        "source_id": show_id("src", item.source_id),
        "revision": item.revision,
        "state": "deleted" if item.deleted_at is not None else item.state,
        "received_at": item.received_at,
        "legal_hold": item.hold_class is not None,
        "item": item.body,
    }


async def _of(session: AsyncSession, agency_id: UUID, table: Any, ids: Sequence[UUID]) -> Sequence[Any]:
    query = select(table).where(table.agency_id == agency_id, is_among(table.item_id, ids)).order_by(table.id)
    return (await session.scalars(query)).all()


def _read_uuid(cursor: str) -> UUID:
    """A cursor that names nothing starts from the beginning."""
    try:
        return UUID(cursor)
    except ValueError:
        return UUID(int=0)
