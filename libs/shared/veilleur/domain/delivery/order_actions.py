"""Ordering what is done on platforms, in the transaction of the decision it follows from.

Callbacks go out all the same: acting is one more thing, and the client learns of both.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.models import Action, Verdict
from veilleur.domain.delivery.actions.plan import (
    Overrides,
    Ruling,
    Standing,
    Wish,
    find_kept,
    plan_undoing,
    plan_wishes,
)
from veilleur.domain.delivery.actions.protocol import Target
from veilleur.domain.delivery.actions.registry import ACTORS
from veilleur.domain.delivery.call_off import Replaced, call_off, carry_on
from veilleur.domain.delivery.models import ActionState, PlatformAction, SourceActor
from veilleur.domain.intake.models import Item, Report
from veilleur.domain.intake.sources.deadlines import find_deadline
from veilleur.infra.db.bulk import insert_rows
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id

MARGIN = timedelta(seconds=30)
"""A hold ends this long before the platform's own deadline at the latest."""


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision as far as acting on it goes."""

    id: UUID
    item: Item
    verdict: str
    actions: Sequence[Mapping[str, Any]]
    catalogue: Mapping[str, Action]
    leaves_at: datetime | None = None
    reverses: UUID | None = None
    """The decision that it takes back."""


async def order_actions(
    session: AsyncSession, agency_id: UUID, decided: Sequence[Decided], present: datetime
) -> list[UUID]:
    """Write down what follows on platforms that are acted on, nothing where none is; the ids of what was written.

    A decision takes the place of the item's earlier ones: what waits is called off, what was done and is no longer
    wanted is taken back. Of what was done to the author, only what the reversed decision had ordered.
    """
    live = [one for one in decided if one.item.mode == "live"]
    actors = await _load_actors(session, agency_id, {one.item.source_id for one in live})
    chosen = [one for one in live if one.item.source_id in actors]
    if not chosen:
        return []
    awaited = await _find_awaited(session, agency_id, chosen)
    replaced = [Replaced(one.item.id, one.reverses) for one in chosen]
    standing = await call_off(session, agency_id, replaced)
    rows: list[dict[str, Any]] = []
    kept: dict[UUID, list[UUID]] = {}
    for one in chosen:
        left = {row.id: _to_standing(row) for row in standing.get(one.item.id, ())}
        plan = _Plan(one, actors[one.item.source_id], present, awaited=one.item.id in awaited)
        written, kept[one.id] = plan.make_rows(left)
        rows += written
    await carry_on(session, agency_id, kept)
    await insert_rows(session, PlatformAction, rows, shared={"agency_id": agency_id})
    for due_at in {row["due_at"] for row in rows} - {None}:
        await hint_work(session, agency_id, "action", due_at=None if due_at <= present else due_at)
    return [row["id"] for row in rows]


async def _load_actors(session: AsyncSession, agency_id: UUID, source_ids: Collection[UUID]) -> dict[UUID, SourceActor]:
    if not source_ids:
        return {}
    query = select(SourceActor).where(
        SourceActor.agency_id == agency_id, SourceActor.source_id.in_(source_ids), SourceActor.mode != "callback"
    )
    return {actor.source_id: actor for actor in await session.scalars(query)}


async def _find_awaited(session: AsyncSession, agency_id: UUID, decided: Sequence[Decided]) -> set[UUID]:
    """The items about which somebody on the platform waits for an answer."""
    allowed = [one.item for one in decided if one.verdict == "allow"]
    held = {item.id for item in allowed if (item.body.get("metadata") or {}).get("held")}
    if not allowed:
        return held
    query = select(Report.item_id).where(Report.agency_id == agency_id, Report.item_id.in_([one.id for one in allowed]))
    return held | set(await session.scalars(query))


def _to_standing(row: PlatformAction) -> Standing:
    return Standing(cast("Target", row.target), str(row.operation), row.until)


@dataclass(frozen=True, slots=True)
class _Plan:
    one: Decided
    actor: SourceActor
    present: datetime
    awaited: bool

    def make_rows(self, left: Mapping[UUID, Standing]) -> tuple[list[dict[str, Any]], list[UUID]]:
        """What is to be written, and which of what was done goes on standing."""
        known = ACTORS[str(self.actor.platform)]
        verdicts = {code: action.verdict for code, action in self.one.catalogue.items()}
        ruling = Ruling(cast("Verdict", self.one.verdict), self.one.actions, verdicts, self.awaited)
        wishes = plan_wishes(known, Overrides.from_document(self.actor.operations), ruling)
        kept = find_kept(left, wishes)
        undoing = plan_undoing(known, {one: done for one, done in left.items() if one not in kept})
        rows = [self._row(wish, self.present, undoes=done) for done, wish in undoing]
        met = {(wish.target, wish.operation) for _, wish in undoing}
        # An edit undoes what some platforms keep with a message, so only a mere change of mind spares a second call.
        if self.one.reverses is not None:
            met |= {(left[one].target, left[one].operation) for one in kept}
        due_at = self._find_due()
        for wish in wishes:
            if (wish.target, wish.operation) not in met:
                rows += self._begin_and_end(wish, due_at)
        rows += self._end_again({left[one]: one for one in kept} if self.one.reverses is not None else {}, wishes)
        for position, row in enumerate(rows):
            row["position"] = position
        return rows, sorted(kept)

    def _begin_and_end(self, wish: Wish, due_at: datetime) -> list[dict[str, Any]]:
        row = self._row(wish, due_at)
        if wish.ends_with is None or wish.until is None:
            return [row]
        end = Wish(wish.target, wish.ends_with)
        return [row, self._row(end, max(wish.until, due_at), undoes=row["id"])]

    def _end_again(self, kept: Mapping[Standing, UUID], wishes: Sequence[Wish]) -> list[dict[str, Any]]:
        """The ends of what goes on standing: they were called off with the decision that had ordered them."""
        return [
            self._row(Wish(wish.target, wish.ends_with), max(wish.until, self.present), undoes=done)
            for wish in wishes
            if wish.operation and wish.ends_with and wish.until
            if (done := kept.get(Standing(wish.target, wish.operation, wish.until))) is not None
        ]

    def _find_due(self) -> datetime:
        """After the client's own time for corrections, and after the hold, which yields to the platform's deadline."""
        leaves_at = max(self.one.leaves_at or self.present, self.present)
        if self.actor.mode != "act_after_hold":
            return leaves_at
        item = self.one.item
        held_until = self.present + timedelta(seconds=self.actor.hold_s)
        deadline = find_deadline(str(self.actor.platform), item.body, item.received_at)
        if deadline is not None:
            held_until = min(held_until, max(deadline.at - MARGIN, self.present))
        return max(leaves_at, held_until)

    def _row(self, wish: Wish, due_at: datetime, undoes: UUID | None = None) -> dict[str, Any]:
        refused = wish.operation is None
        return {
            "id": new_id(),
            "client_id": self.one.item.client_id,
            "source_id": self.one.item.source_id,
            "item_id": self.one.item.id,
            "decision_id": self.one.id,
            "platform": self.actor.platform,
            "target": wish.target,
            "code": wish.code,
            "operation": wish.operation,
            "until": wish.until,
            "undoes": undoes,
            "state": ActionState.REFUSED if refused else ActionState.PENDING,
            "due_at": None if refused else due_at,
            "reason": wish.reason,
            "finished_at": self.present if refused else None,
        }
