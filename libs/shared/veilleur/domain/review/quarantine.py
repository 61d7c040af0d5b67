"""Severe content leaves the desk at once: a legal hold, a restricted queue, and a word to the client.

The holder's part ends here. Whose queue it is now sees the media, nobody else does; the clock waits; nothing of the
item may be erased; the client is told without any of it.
"""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item, LegalHold
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.review.care import MOST_SEVERE
from veilleur.domain.review.lease import end_assignment, find_assignment, lock_held, lock_member, require_lease
from veilleur.domain.review.models import Case, CaseState, Queue
from veilleur.domain.review.move_due import move_due_times
from veilleur.domain.review.needs import Needs, write_needs
from veilleur.domain.review.wellbeing import Look, record_exposure
from veilleur.domain.sla.clocks import pause_clocks
from veilleur.kernel.ids import new_id, show_id

HoldClass = Literal["csam", "threat_to_life", "terror"]
QUARANTINE = "quarantine"
"""The code of the agency's restricted queue, and the skill of those who work it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the holder of a case found, with the fence of the lease."""

    fence: int
    hold_class: HoldClass


async def quarantine_case(
    session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID, finding: Finding
) -> Case:
    """Place the hold and hand the case to the restricted queue; sent again it changes nothing."""
    await lock_member(session, agency_id, member_id)
    found = await find_assignment(session, agency_id, member_id, assignment_id)
    item = await _lock_item(session, agency_id, found.case_id)
    assignment, case = await lock_held(session, agency_id, member_id, assignment_id)
    if assignment.outcome == "quarantined" and assignment.fence == finding.fence:
        return case
    require_lease(assignment, case, finding.fence)
    hold_class = finding.hold_class
    queue_id = await _find_queue(session, agency_id)
    await _place_hold(session, item, member_id, hold_class)
    case.state, case.holder_id, case.lease_expires_at = CaseState.READY, None, None
    case.queue_id, case.needs, case.priority, case.flag = queue_id, write_needs(Needs()), "urgent", None
    await session.flush()
    await end_assignment(session, assignment, "quarantined")
    await move_due_times(session, agency_id, await pause_clocks(session, agency_id, [item.id], "legal_hold"))
    await record_exposure(session, case, member_id, Look("view", MOST_SEVERE))
    details = {"case": show_id("cas", case.id), "class": hold_class}
    deed = Deed(show_id("mem", member_id), "item.quarantined", show_id("itm", item.id), item.client_id, details)
    await record_deeds(session, agency_id, [deed])
    await _tell(session, item, hold_class)
    return case


async def _lock_item(session: AsyncSession, agency_id: UUID, case_id: UUID) -> Item:
    of_case = select(Case.item_id).where(Case.agency_id == agency_id, Case.id == case_id).scalar_subquery()
    query = select(Item).where(Item.agency_id == agency_id, Item.id == of_case)
    return (await session.scalars(query.with_for_update(key_share=True))).one()


async def _find_queue(session: AsyncSession, agency_id: UUID) -> UUID:
    """The agency's restricted queue, made when it is first needed. Only who has its skill is handed its cases."""
    new = {"agency_id": agency_id, "id": new_id(), "code": QUARANTINE, "name": "Quarantine", "skills": [QUARANTINE]}
    await session.execute(upsert(Queue).values(new | {"restricted": True}).on_conflict_do_nothing())
    query = select(Queue.id).where(Queue.agency_id == agency_id, Queue.code == QUARANTINE)
    return (await session.scalars(query)).one()


async def _place_hold(session: AsyncSession, item: Item, member_id: UUID, hold_class: HoldClass) -> None:
    """Until the verdict it is withheld, whatever the client's default."""
    hold = {
        "agency_id": item.agency_id,
        "id": new_id(),
        "client_id": item.client_id,
        "item_id": item.id,
        "hold_class": hold_class,
        "member_id": member_id,
    }
    await session.execute(upsert(LegalHold).values(hold).on_conflict_do_nothing())
    mine = (Item.agency_id == item.agency_id, Item.id == item.id)
    await session.execute(update(Item).where(*mine).values(hold_class=hold_class, interim="withhold"))


async def _tell(session: AsyncSession, item: Item, hold_class: HoldClass) -> None:
    present = (await session.execute(select(func.app_now()))).scalar_one()
    data = {"item": item_reference(item), "class": hold_class, "interim": "withhold"}
    await announce(
        session, item.agency_id, [Announcement(item.client_id, "item.emergency", data, present, item_id=item.id)]
    )
