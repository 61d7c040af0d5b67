"""Going on with offboardings: the day comes, cases end, the contract ends, the term ends."""

from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.custody.models import Erasure, Offboarding
from veilleur.domain.custody.offboard import shut_doors
from veilleur.domain.custody.request_erasure import erase_client
from veilleur.domain.custody.settle_bill import end_service
from veilleur.domain.intake.models import Item, ItemState
from veilleur.domain.intake.shape import item_reference
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.review.models import OPEN_STATES, Case
from veilleur.domain.review.steer import close_case
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import show_id

Step = Literal["more", "later", "bill"]
"""There is more to do now; time or others have to act first; `settle_bill` is next."""

BATCH = 50
LOOK_AGAIN_S = 5
"""How soon it is looked again whether moderators have finished."""
WHY = "the client leaves"


async def list_offboardings(session: AsyncSession, agency_id: UUID) -> list[UUID]:
    """Those that are not over and whose time has come for something."""
    query = select(Offboarding.id).where(Offboarding.agency_id == agency_id, Offboarding.ended_at.is_(None))
    return list(await session.scalars(query.order_by(Offboarding.id)))


async def advance_offboarding(session: AsyncSession, masters: Sealer, agency_id: UUID, offboarding_id: UUID) -> Step:
    """The next step of one, and what follows it."""
    query = select(Offboarding).where(Offboarding.agency_id == agency_id, Offboarding.id == offboarding_id)
    row = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
    if row is None or row.ended_at is not None:
        return "later"
    present = (await session.execute(select(func.app_now()))).scalar_one()
    if row.state == "scheduled" and row.starts_at <= present:
        await shut_doors(session, row)
        return "more"
    if row.state == "closing":
        return await _close(session, row)
    if row.state == "waiting" and row.erase_at is not None and row.erase_at <= present:
        erasure = await erase_client(session, masters, agency_id, row.client_id, "system")
        row.state, row.erasure_id = "erasing", erasure.id
        await session.flush()
    elif row.state == "erasing":
        await _finish(session, row)
    return "later"


async def _close(session: AsyncSession, row: Offboarding) -> Step:
    """End what is open; what a legal hold keeps does not hold up the rest."""
    returned = await _return_cases(session, row) if row.mode == "return" else 0
    left = await _count_open(session, row)
    row.progress = row.progress | left | {"returned": row.progress.get("returned", 0) + returned}
    await session.flush()
    if returned:
        return "more"
    if any(left.values()):
        await hint_work(session, row.agency_id, "offboarding", in_s=LOOK_AGAIN_S)
        return "later"
    if row.bill is None:
        await end_service(session, row)
    return "bill"


async def _return_cases(session: AsyncSession, row: Offboarding) -> int:
    query = (
        select(Case.id)
        .join(Item, (Item.agency_id == Case.agency_id) & (Item.id == Case.item_id))
        .where(
            Case.agency_id == row.agency_id,
            Case.client_id == row.client_id,
            Case.state.in_(OPEN_STATES),
            Item.hold_class.is_(None),
        )
    )
    cases = list(await session.scalars(query.order_by(Case.id).limit(BATCH)))
    present = (await session.execute(select(func.app_now()))).scalar_one()
    told: list[Announcement] = []
    for case_id in cases:
        case = await close_case(session, row.agency_id, case_id, WHY, "system")
        item = await session.get_one(Item, (row.agency_id, case.item_id))
        data: dict[str, Any] = {
            "case": show_id("cas", case.id),
            "item": item_reference(item),
            "interim": item.interim,
        }
        told.append(Announcement(row.client_id, "case.returned", data, present, item_id=item.id))
    await announce(session, row.agency_id, told)
    return len(cases)


async def _count_open(session: AsyncSession, row: Offboarding) -> dict[str, int]:
    cases = (
        select(func.count())
        .select_from(Case)
        .join(Item, (Item.agency_id == Case.agency_id) & (Item.id == Case.item_id))
        .where(
            Case.agency_id == row.agency_id,
            Case.client_id == row.client_id,
            Case.state.in_(OPEN_STATES),
            Item.hold_class.is_(None),
        )
    )
    items = select(func.count()).select_from(Item).where(
        Item.agency_id == row.agency_id, Item.client_id == row.client_id, Item.state == ItemState.RECEIVED,
        Item.hold_class.is_(None),
    )  # fmt: skip
    return {
        "open_cases": (await session.execute(cases)).scalar_one(),
        "unscreened_items": (await session.execute(items)).scalar_one(),
    }


async def _finish(session: AsyncSession, row: Offboarding) -> None:
    erasure = await session.get(Erasure, (row.agency_id, row.erasure_id), populate_existing=True)
    if erasure is not None and erasure.state == "finished":
        row.state = "finished"
        row.ended_at = (await session.execute(select(func.app_now()))).scalar_one()
        await session.flush()
