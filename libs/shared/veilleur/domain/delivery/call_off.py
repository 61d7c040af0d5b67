"""Calling off what was ordered on platforms and has not left, and telling what has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.delivery.models import ActionState, PlatformAction
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import show_id


@dataclass(frozen=True, slots=True)
class Replaced:
    """An item about which another decision stands now, and the decision that it takes back, if it does."""

    item_id: UUID
    reverses: UUID | None


async def call_off(
    session: AsyncSession, agency_id: UUID, replaced: Sequence[Replaced]
) -> Mapping[UUID, Sequence[PlatformAction]]:
    """Call off what waits for these items; what was done, or may have been, by item, in the order it was ordered.

    What is under way can't be called off: it is marked, so that it is not tried again.
    """
    query = select(PlatformAction).where(
        PlatformAction.agency_id == agency_id, PlatformAction.item_id.in_([one.item_id for one in replaced])
    )
    in_order = (PlatformAction.created_at, PlatformAction.position, PlatformAction.id)
    rows = list(await session.scalars(query.order_by(*in_order).with_for_update()))
    standing: dict[UUID, Sequence[PlatformAction]] = {}
    for one in replaced if rows else ():
        mine = [row for row in rows if row.item_id == one.item_id and _concerns(row, one)]
        waiting = [row.id for row in mine if row.state == ActionState.PENDING]
        await _cancel(session, agency_id, waiting, "superseded" if one.reverses is None else "reversed")
        await _mark(session, agency_id, [row.id for row in mine if row.state == ActionState.SENDING])
        standing[one.item_id] = _find_standing(mine)
    return standing


async def carry_on(session: AsyncSession, agency_id: UUID, kept: Mapping[UUID, Sequence[UUID]]) -> None:
    """Let actions stand for the later decisions that want the same: by decision."""
    for decision_id, ids in kept.items():
        if ids:
            mine = (PlatformAction.agency_id == agency_id, PlatformAction.id.in_(ids))
            await session.execute(
                update(PlatformAction)
                .where(*mine)
                .values(carried_by=decision_id)
                .execution_options(synchronize_session=False)
            )


async def cancel_actions(
    session: AsyncSession, agency_id: UUID, decision_id: UUID, client_id: UUID, by: str
) -> Sequence[PlatformAction]:
    """Call off what a decision ordered and nobody has begun; all that it ordered, as it is now.

    What ends something that was done stays: without it that would last for ever.
    """
    query = select(PlatformAction).where(
        PlatformAction.agency_id == agency_id, PlatformAction.decision_id == decision_id
    )
    query = query.order_by(PlatformAction.position, PlatformAction.id).execution_options(populate_existing=True)
    rows = list(await session.scalars(query.with_for_update()))
    unsent = [row.id for row in rows if row.state == ActionState.PENDING and row.attempts == 0 and row.undoes is None]
    if not unsent:
        return rows
    ends = [row.id for row in rows if row.undoes in unsent]
    await _cancel(session, agency_id, [*unsent, *ends], "cancelled")
    await hint_work(session, agency_id, "action")
    deed = Deed(by, "actions.cancelled", show_id("dec", decision_id), client_id, {"count": len(unsent)})
    await record_deeds(session, agency_id, [deed])
    return list(await session.scalars(query))


async def cancel_source_actions(session: AsyncSession, agency_id: UUID, source_id: UUID) -> None:
    """Call off everything that waits to be done on a platform that is acted on no longer."""
    query = select(PlatformAction.id).where(
        PlatformAction.agency_id == agency_id,
        PlatformAction.source_id == source_id,
        PlatformAction.state == ActionState.PENDING,
    )
    ids = list(await session.scalars(query.order_by(PlatformAction.id).with_for_update()))
    await _cancel(session, agency_id, ids, "switched_off")


def _concerns(row: PlatformAction, one: Replaced) -> bool:
    """The item is as the last decision wants it; its author stays as an earlier one had it, unless that is reversed."""
    return row.target == "item" or (one.reverses is not None and one.reverses in {row.decision_id, row.carried_by})


def _find_standing(rows: Sequence[PlatformAction]) -> list[PlatformAction]:
    undone = {row.undoes for row in rows if row.state in {ActionState.DONE, ActionState.SENDING}}
    left = [row for row in rows if row.undoes is None and row.id not in undone and _may_be_done(row)]
    # What was done again for a later revision is undone once.
    return list({(row.target, row.operation, row.until): row for row in left}.values())


def _may_be_done(row: PlatformAction) -> bool:
    """A try that failed on the way may have arrived all the same."""
    return row.state in {ActionState.DONE, ActionState.SENDING} or (
        row.state == ActionState.PENDING and row.attempts > 0
    )


_CANCEL = text("""
UPDATE platform_actions SET state = 'cancelled', due_at = NULL, reason = :reason, finished_at = app_now()
WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[])) AND state = 'pending'
""")
_MARK = text("""
UPDATE platform_actions SET withdrawn = true WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[]))
""")


async def _cancel(session: AsyncSession, agency_id: UUID, ids: Sequence[UUID], reason: str) -> None:
    if ids:
        await session.execute(_CANCEL, {"agency_id": agency_id, "ids": ids, "reason": reason})


async def _mark(session: AsyncSession, agency_id: UUID, ids: Sequence[UUID]) -> None:
    if ids:
        await session.execute(_MARK, {"agency_id": agency_id, "ids": ids})
