"""Looking at a medium: who may, in which view, and what a full view leaves in the trail and in the care ledger."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.intake.models import Item
from veilleur.domain.review.care import MOST_SEVERE
from veilleur.domain.review.models import OPEN_STATES, Case, CaseState, Queue
from veilleur.domain.review.needs import find_fit, read_needs
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.snapshot_media import Variant
from veilleur.domain.review.snapshot_models import MediaSnapshot, SnapshotState
from veilleur.domain.review.staff import load_person
from veilleur.domain.review.wellbeing import Look, load_care, load_scales, record_exposure
from veilleur.domain.tenancy.members import find_member
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Viewed:
    """A sealed view of one medium, and which of the two it is."""

    sealed: bytes
    variant: Variant


async def view_media(
    session: AsyncSession, agency_id: UUID, member_id: UUID, media_id: UUID, variant: Variant | None
) -> Viewed:
    """The view asked for, or the one this member looks at first. `Conflict` says why there is no picture."""
    snapshot = await session.get(MediaSnapshot, (agency_id, media_id))
    case = await _find_case(session, member_id, snapshot) if snapshot is not None else None
    if snapshot is None or case is None:
        raise NotFound(msg("There is no {id} here", id=show_id("med", media_id)))
    _require_picture(snapshot)
    if variant is None:
        care = (await load_care(session, agency_id, [member_id]))[member_id]
        variant = "blur" if care.blur else "full"
    if variant == "full":
        await _note(session, case, member_id, snapshot)
    column = MediaSnapshot.full_view if variant == "full" else MediaSnapshot.blurred_view
    query = select(column).where(MediaSnapshot.agency_id == agency_id, MediaSnapshot.id == media_id)
    sealed = (await session.scalars(query)).one()
    if sealed is None:
        message = "a snapshot that is ready has no views"
        raise RuntimeError(message)
    return Viewed(sealed, variant)


async def _find_case(session: AsyncSession, member_id: UUID, snapshot: MediaSnapshot) -> Case | None:
    """The open case that opens the medium to this member.

    Their own; or any of a restricted queue that they work. What is under a hold is seen nowhere else.
    """
    query = (
        select(Case, Item.hold_class, Queue.restricted)
        .join(Item, and_(Item.agency_id == Case.agency_id, Item.id == Case.item_id))
        .join(Queue, and_(Queue.agency_id == Case.agency_id, Queue.id == Case.queue_id))
        .where(Case.agency_id == snapshot.agency_id, Case.item_id == snapshot.item_id, Case.state.in_(OPEN_STATES))
    )
    row = (await session.execute(query)).one_or_none()
    if row is None or (row.hold_class is not None and not row.restricted):
        return None
    case: Case = row.Case
    if case.state == CaseState.LEASED and case.holder_id == member_id:
        return case
    return case if row.restricted and await _works_queue(session, member_id, case) else None


async def _works_queue(session: AsyncSession, member_id: UUID, case: Case) -> bool:
    member = await find_member(session, case.agency_id, member_id)
    person, _ = await load_person(session, member)
    queue = (await load_queues(session, case.agency_id))[case.queue_id]
    return find_fit(person.able, case.client_id, queue, read_needs(case.needs)) is not None


def _require_picture(snapshot: MediaSnapshot) -> None:
    if snapshot.state == SnapshotState.PENDING:
        detail = msg("This medium is still being fetched; ask again in some seconds")
        raise Conflict(detail, slug="media-pending", extra={"url": snapshot.url})
    if snapshot.state == SnapshotState.FAILED:
        extra = {"reason": snapshot.reason, "url": snapshot.url}
        raise Conflict(msg("There is no picture of this medium"), slug="media-unavailable", extra=extra)


async def _note(session: AsyncSession, case: Case, member_id: UUID, snapshot: MediaSnapshot) -> None:
    item = await session.get_one(Item, (case.agency_id, case.item_id))
    scale = (await load_scales(session, case.agency_id, [case.client_id]))[case.client_id]
    await record_exposure(session, case, member_id, Look("view", scale if item.hold_class is None else MOST_SEVERE))
    details = {"media": show_id("med", snapshot.id), "case": show_id("cas", case.id)}
    deed = Deed(show_id("mem", member_id), "media.viewed", show_id("itm", case.item_id), case.client_id, details)
    await record_deeds(session, case.agency_id, [deed])
