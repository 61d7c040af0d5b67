"""Lifting a legal hold: what the hold kept goes on as if it had never been, in the trail for ever."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.changes import AGAIN
from veilleur.domain.intake.models import Item, ItemState, LegalHold
from veilleur.domain.review.models import OPEN_STATES, Case, CaseState
from veilleur.domain.review.move_due import move_due_times
from veilleur.domain.sla.clocks import resume_clocks
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Lift:
    """Who lifts the hold, and why."""

    member_id: UUID
    reason: str


async def lift_hold(session: AsyncSession, agency_id: UUID, hold_id: UUID, lift: Lift) -> LegalHold:
    """The item is like any other from now on; one that its client deleted meanwhile is let go of."""
    item = await _lock_item(session, agency_id, hold_id)
    query = select(LegalHold).where(LegalHold.agency_id == agency_id, LegalHold.id == hold_id)
    hold = (await session.scalars(query.with_for_update(key_share=True))).one()
    if hold.lifted_at is not None:
        raise Conflict(msg("This hold was lifted before"))
    hold.lifted_at = (await session.execute(select(func.app_now()))).scalar_one()
    hold.lifted_by, hold.lift_reason = lift.member_id, lift.reason
    await session.flush()
    await _free_item(session, item)
    await _resume(session, item)
    await hint_work(session, agency_id, "erasure")
    details = {"item": show_id("itm", item.id), "class": hold.hold_class, "reason": lift.reason}
    deed = Deed(show_id("mem", lift.member_id), "legal_hold.lifted", show_id("hld", hold.id), item.client_id, details)
    await record_deeds(session, agency_id, [deed])
    return hold


def describe_hold(hold: LegalHold) -> dict[str, Any]:
    return {
        "id": show_id("hld", hold.id),
        "client": show_id("cli", hold.client_id),
        "item": show_id("itm", hold.item_id),
        "class": hold.hold_class,
        "placed_by": show_id("mem", hold.member_id),
        "placed_at": hold.placed_at,
        "lifted_by": None if hold.lifted_by is None else show_id("mem", hold.lifted_by),
        "lifted_at": hold.lifted_at,
        "reason": hold.lift_reason,
    }


async def _lock_item(session: AsyncSession, agency_id: UUID, hold_id: UUID) -> Item:
    """Items are locked before all that hangs on them, here as everywhere."""
    held = select(LegalHold.item_id).where(LegalHold.agency_id == agency_id, LegalHold.id == hold_id).scalar_subquery()
    query = select(Item).where(Item.agency_id == agency_id, Item.id == held)
    item = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
    if item is None:
        raise NotFound(msg("There is no {id} here", id=show_id("hld", hold_id)))
    return item


async def _free_item(session: AsyncSession, item: Item) -> None:
    values: dict[str, Any] = {"hold_class": None}
    if item.deleted_at is not None and item.state != ItemState.DELETED:
        values |= AGAIN
        await hint_work(session, item.agency_id, "screening")
    mine = (Item.agency_id == item.agency_id, Item.id == item.id)
    await session.execute(update(Item).where(*mine).values(**values))


async def _resume(session: AsyncSession, item: Item) -> None:
    """The clock waited for the hold; where a question to the client is open it goes on waiting for that."""
    query = select(Case.state).where(
        Case.agency_id == item.agency_id, Case.item_id == item.id, Case.state.in_(OPEN_STATES)
    )
    state = (await session.scalars(query.with_for_update(key_share=True))).one_or_none()
    if state is not None and state != CaseState.WAITING:
        await move_due_times(session, item.agency_id, await resume_clocks(session, item.agency_id, [item.id]))
