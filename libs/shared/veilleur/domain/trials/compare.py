"""Stored contexts under two versions of a client's rules."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ARRAY, any_, cast, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.types import Uuid

from veilleur.domain.decisions.models import Decision
from veilleur.domain.screening.contexts import StoredContext
from veilleur.domain.trials.replay import Replayer
from veilleur.domain.trials.shelf import Shelf
from veilleur.domain.trials.standpoint import Standpoint, read_standpoint, take_standpoint
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
    in_force: str | None = None
    """The digest in traces of the version in force: what it answered stands beside them."""

    def compare(self, contexts: Sequence[StoredContext], people: People) -> list[Compared]:
        return [self._compare_one(context, people) for context in contexts]

    def _compare_one(self, context: StoredContext, people: People) -> Compared:
        return Compared(
            name=show_id("itm", context.item_id) + f"/{context.revision}/{context.evaluation_id}",
            before=self._take_before(context),
            after=take_standpoint(*self.after.answer(context)),
            at=context.evaluated_at,
            people=people.get((context.item_id, context.revision)),
        )

    def _take_before(self, context: StoredContext) -> Standpoint:
        if self.before is None or context.trace.get("digest") == self.in_force:
            return read_standpoint(context.outcome, context.trace.get("decided_by"))
        return take_standpoint(*self.before.answer(context))


async def set_up_bench(
    session: AsyncSession, agency_id: UUID, trial: Trial, contexts: Sequence[StoredContext], shelf: Shelf
) -> Bench:
    met = {context.rule_set_version for context in contexts}
    after = await shelf.find_replayer(session, agency_id, (trial.client_id, trial.version), met)
    if trial.against is None:
        return Bench(None, after)
    before = await shelf.find_replayer(session, agency_id, (trial.client_id, trial.against), met)
    return Bench(before, after, before.digest)


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
            Decision.item_id == any_(cast([context.item_id for context in contexts], ARRAY(Uuid))),
            Decision.member_id.is_not(None),
        )
        .order_by(Decision.sequence)
    )
    return {(row.item_id, row.item_revision): row.verdict for row in rows}
