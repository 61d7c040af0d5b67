"""Notes among colleagues."""

from typing import Literal
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.review.lease import find_assignment
from veilleur.domain.review.models import Case, Note
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import new_id
from veilleur.kernel.messages import msg


async def add_note(
    session: AsyncSession,
    agency_id: UUID,
    member_id: UUID,
    assignment_id: UUID,
    text: str,
    pin: Literal["case", "author"],
) -> Note:
    """Pin a note to the case of an assignment of mine, or to its author."""
    assignment = await find_assignment(session, agency_id, member_id, assignment_id)
    case = await session.get_one(Case, (agency_id, assignment.case_id))
    author: str | None = None
    if pin == "author":
        author = (await session.get_one(Item, (agency_id, case.item_id))).author_external_id
        if author is None:
            error = InputError("/pin", msg("this item has no author to pin a note to"), msg("pin it to the case"))
            raise Invalid(msg("The note can't be pinned there"), errors=[error])
    note = Note(
        agency_id=agency_id,
        id=new_id(),
        client_id=case.client_id,
        case_id=case.id,
        author_external_id=author,
        member_id=member_id,
        text=text,
    )
    session.add(note)
    await session.flush()
    await session.refresh(note)
    return note
