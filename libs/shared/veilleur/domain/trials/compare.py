"""Stored contexts under two versions of a client's rules."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.models import Decision
from veilleur.domain.screening.contexts import StoredContext
from veilleur.domain.trials.replay import Replayer
from veilleur.domain.trials.shelf import Shelf
from veilleur.domain.trials.standpoint import Standpoint, read_kind, take_standpoint
from veilleur.domain.trials.tally import Compared
from veilleur.kernel.ids import show_id

SLICE = 200
"""Contexts that are worked through in one go before others on the event loop have their turn."""

People = Mapping[tuple[UUID, int], str]
"""What a person decided, by item and revision."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Which version is tried against which; `against` None: where no rule set was, every item was a person's."""

    client_id: UUID
    version: int
    against: int | None


@dataclass(frozen=True, slots=True)
class Bench:
    """Both versions ready to answer; `before` None: what is stored is what was."""

    before: Replayer | None
    after: Replayer

    def compare(self, contexts: Sequence[StoredContext], people: People) -> list[Compared]:
        return [self._compare_one(context, people) for context in contexts]

    def _compare_one(self, context: StoredContext, people: People) -> Compared:
        return Compared(
            name=show_id("itm", context.item_id) + f"/{context.revision}/{context.evaluation_id}",
            before=_read_stored(context) if self.before is None else take_standpoint(*self.before.answer(context)),
            after=take_standpoint(*self.after.answer(context)),
            at=context.evaluated_at,
            people=people.get((context.item_id, context.revision)),
        )


async def set_up_bench(
    session: AsyncSession, agency_id: UUID, trial: Trial, contexts: Sequence[StoredContext], shelf: Shelf
) -> Bench:
    met = {context.rule_set_version for context in contexts}
    after = await shelf.find_replayer(session, agency_id, (trial.client_id, trial.version), met)
    if trial.against is None:
        return Bench(None, after)
    return Bench(await shelf.find_replayer(session, agency_id, (trial.client_id, trial.against), met), after)


async def compare_contexts(bench: Bench, contexts: Sequence[StoredContext], people: People) -> list[Compared]:
    """In a thread, slice by slice: the event loop stays free."""
    compared: list[Compared] = []
    for start in range(0, len(contexts), SLICE):
        compared += await asyncio.to_thread(bench.compare, contexts[start : start + SLICE], people)
    return compared


async def load_people(session: AsyncSession, agency_id: UUID, contexts: Sequence[StoredContext]) -> People:
    """The latest verdict a person gave on each of these revisions; what only rules decided is absent."""
    rows = await session.execute(
        select(Decision.item_id, Decision.item_revision, Decision.verdict)
        .where(
            Decision.agency_id == agency_id,
            Decision.item_id.in_({context.item_id for context in contexts}),
            Decision.member_id.is_not(None),
        )
        .order_by(Decision.sequence)
    )
    return {(row.item_id, row.item_revision): row.verdict for row in rows}


def _read_stored(context: StoredContext) -> Standpoint:
    decided_by = context.trace.get("decided_by")
    return Standpoint(read_kind(context.outcome), None if decided_by is None else str(decided_by))
