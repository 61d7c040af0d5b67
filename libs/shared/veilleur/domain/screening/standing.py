"""What is known about items that come back: their latest decision, and who reported them since."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.models import Decision
from veilleur.domain.intake.models import Item, Report
from veilleur.infra.db.among import is_among


@dataclass(frozen=True, slots=True)
class Standing:
    """`verdict` and `revision` of the latest decision, if there was one; `reports`: the kinds of who reported."""

    verdict: str | None
    revision: int | None
    reports: frozenset[str]


async def load_standings(session: AsyncSession, agency_id: UUID, items: Sequence[Item]) -> dict[UUID, Standing]:
    """Standings of the items that have one: edited, reported, decided before or deleted."""
    decisions = await _load_decisions(session, agency_id, [item.id for item in items if item.decisions])
    reports = await _load_reports(session, agency_id, [item.id for item in items])
    return {
        item.id: _weigh(item, decisions.get(item.id), reports.get(item.id, []))
        for item in items
        if item.id in decisions or item.id in reports or item.revision > 1 or item.deleted_at is not None
    }


def _weigh(item: Item, decision: Decision | None, reports: list[tuple[str, datetime]]) -> Standing:
    """A decided item that comes back in the same revision was reported; an edited one forgets older reports."""
    if decision is None:
        return Standing(None, None, frozenset(source for source, _ in reports))
    edited = decision.item_revision != item.revision
    fresh = [source for source, at in reports if not edited or at > decision.made_at]
    return Standing(decision.verdict, decision.item_revision, frozenset(fresh))


async def _load_decisions(session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]) -> dict[UUID, Decision]:
    if not item_ids:
        return {}
    query = select(Decision).where(Decision.agency_id == agency_id, is_among(Decision.item_id, item_ids))
    newest_last = query.order_by(Decision.item_revision, Decision.sequence)
    return {decision.item_id: decision for decision in await session.scalars(newest_last)}


async def _load_reports(
    session: AsyncSession, agency_id: UUID, item_ids: Sequence[UUID]
) -> dict[UUID, list[tuple[str, datetime]]]:
    query = select(Report.item_id, Report.source, Report.received_at).where(
        Report.agency_id == agency_id, is_among(Report.item_id, item_ids)
    )
    reports: dict[UUID, list[tuple[str, datetime]]] = {}
    for row in await session.execute(query):
        reports.setdefault(row.item_id, []).append((row.source, row.received_at))
    return reports
