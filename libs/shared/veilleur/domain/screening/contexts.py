"""Stored contexts: all that an evaluation needs to be done again, as it was or by other rules."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Select, and_, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item, ItemRevision
from veilleur.domain.rules.compile import CompiledRuleSet
from veilleur.domain.rules.evaluate import Evaluation, evaluate
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.screening.judge import show_as_sent
from veilleur.domain.screening.models import StoredEvaluation

Place = tuple[datetime, UUID]
"""Where a reader stands: instant and id of the last context it was given."""


@dataclass(frozen=True, slots=True)
class StoredContext:
    """One screening: `item` is the content of that revision in the shape of the contract.

    `replay_context` does it again; `facts`, `trace` and `outcome` are as they were kept.
    """

    evaluation_id: UUID
    item_id: UUID
    revision: int
    item: Mapping[str, Any]
    received_at: datetime
    evaluated_at: datetime
    rule_set_version: int | None
    facts: Mapping[str, Any]
    trace: Mapping[str, Any]
    outcome: Mapping[str, Any]

    @property
    def place(self) -> Place:
        return self.evaluated_at, self.evaluation_id

    @property
    def gathered(self) -> Mapping[str, object]:
        gathered: Mapping[str, object] = self.facts.get("gathered", {})
        return gathered

    @property
    def exhausted(self) -> frozenset[str]:
        """The rules that were at their daily cap."""
        return frozenset(self.facts.get("exhausted", ()))

    @property
    def lists(self) -> Mapping[str, str]:
        """The shared lists that the rules looked into: their digests, by code."""
        lists: Mapping[str, str] = self.facts.get("lists", {})
        return lists


def replay_context(compiled: CompiledRuleSet, context: StoredContext) -> Evaluation:
    """The evaluation once more: bit for bit the same by the same rules, what others would have said by others."""
    facts = item_facts(context.item, context.evaluated_at, context.gathered)
    return evaluate(compiled, facts, context.exhausted)


async def read_contexts(
    session: AsyncSession, agency_id: UUID, client_id: UUID, *, after: Place | None = None, limit: int
) -> list[StoredContext]:
    """A client's contexts, newest first, from beyond `after` on (`(until, UUID(int=0))`: those before an instant).

    An item screened several times is there several times, each time with what it then said.
    """
    kept = StoredEvaluation
    query = (
        _select_contexts()
        .where(kept.agency_id == agency_id, kept.client_id == client_id)
        .order_by(kept.evaluated_at.desc(), kept.id.desc())
        .limit(limit)
    )
    if after is not None:
        query = query.where(tuple_(kept.evaluated_at, kept.id) < after)
    return [_to_context(row) for row in await session.execute(query)]


async def read_contexts_of(
    session: AsyncSession, agency_id: UUID, evaluation_ids: Collection[UUID]
) -> dict[UUID, StoredContext]:
    """These contexts, by the id of their evaluation."""
    kept = StoredEvaluation
    query = _select_contexts().where(kept.agency_id == agency_id, kept.id.in_(evaluation_ids))
    return {row.id: _to_context(row) for row in await session.execute(query)}


def _select_contexts() -> Select[Any]:
    kept = StoredEvaluation
    of_item = and_(Item.agency_id == kept.agency_id, Item.id == kept.item_id)
    replaced = and_(
        ItemRevision.agency_id == kept.agency_id,
        ItemRevision.item_id == kept.item_id,
        ItemRevision.revision == kept.item_revision,
    )
    return (
        select(
            kept.__table__,
            Item.external_id,
            Item.source_id,
            Item.received_at,
            func.coalesce(ItemRevision.body, Item.body).label("body"),
        )
        .join(Item, of_item)
        .outerjoin(ItemRevision, replaced)
    )


def _to_context(row: Row[Any]) -> StoredContext:
    return StoredContext(
        evaluation_id=row.id,
        item_id=row.item_id,
        revision=row.item_revision,
        item=show_as_sent(row.body, row.external_id, row.item_revision, row.source_id),
        received_at=row.received_at,
        evaluated_at=row.evaluated_at,
        rule_set_version=row.rule_set_version,
        facts=row.facts,
        trace=row.trace,
        outcome=row.outcome,
    )
