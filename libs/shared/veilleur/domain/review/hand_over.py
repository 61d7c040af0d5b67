"""Handing a case to a colleague by name, and keeping cases for somebody for a while."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.lease import is_repeated, let_go, lock_held, require_lease
from veilleur.domain.review.models import Case
from veilleur.domain.review.needs import read_needs
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.staff import Person, list_fitting, load_staff
from veilleur.kernel.errors import Conflict, InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import Message, msg

KEPT_FOR = timedelta(minutes=30)
"""How long a case is kept for a person before anybody may take it."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """`to` None: the colleague is not at work, and the case is back in the pool."""

    case_id: UUID
    to: UUID | None


async def hand_over(
    session: AsyncSession, agency_id: UUID, member_id: UUID, assignment_id: UUID, fence: int, to: UUID | None
) -> HandedOver:
    """Give the case to a colleague, who is handed it first; `Invalid` names who may have it.

    A colleague who is off leaves it to the pool. Repeating it changes nothing.
    """
    assignment, case = await lock_held(session, agency_id, member_id, assignment_id)
    if is_repeated(assignment, "handed_over", fence):
        if case.reserved_for not in (None, to):
            raise Conflict(msg("The case was handed to somebody else"), slug="lease-lost")
        return HandedOver(case.id, case.reserved_for)
    require_lease(assignment, case, fence)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    colleague = await find_colleague(session, case, to, besides=member_id, pointer="/to")
    if colleague.is_on_duty(present):
        case.reserved_for, case.reserved_until = colleague.id, present + KEPT_FOR
    await let_go(session, assignment, case, "handed_over")
    details = {"case": show_id("cas", case.id), "to": show_id("mem", colleague.id)}
    deed = Deed(show_id("mem", member_id), "case.handed_over", show_id("itm", case.item_id), case.client_id, details)
    await record_deeds(session, agency_id, [deed])
    return HandedOver(case.id, case.reserved_for)


async def find_colleague(
    session: AsyncSession, case: Case, wanted: UUID | None, *, besides: UUID | None, pointer: str
) -> Person:
    """The member of that id if the case may be theirs; otherwise `Invalid`, with the ids of those who may have it."""
    fitting = await list_colleagues(session, case, besides)
    for person in fitting:
        if person.id == wanted:
            return person
    error = InputError(pointer, msg("can't be handed this case"), _name(fitting))
    raise Invalid(msg("The case can't go to that person"), errors=[error])


async def list_colleagues(session: AsyncSession, case: Case, besides: UUID | None) -> list[Person]:
    """Who else may have the case."""
    queue = (await load_queues(session, case.agency_id))[case.queue_id]
    staff = await load_staff(session, case.agency_id)
    return [one for one in list_fitting(staff, case.client_id, queue, read_needs(case.needs)) if one.id != besides]


async def drop_reservations(session: AsyncSession, agency_id: UUID, member_id: UUID) -> None:
    """What is kept for a member who leaves is anybody's."""
    await session.execute(
        update(Case)
        .where(Case.agency_id == agency_id, Case.reserved_for == member_id, Case.state == "ready")
        .values(reserved_for=None, reserved_until=None)
    )


def _name(people: Sequence[Person]) -> Message:
    if not people:
        return msg("nobody else may have it")
    return msg("one of {allowed}", allowed=[show_id("mem", person.id) for person in people[:50]])
