"""An agency leaves the installation: everybody is out at once, and everything goes but what the law wants kept."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.custody.models import Departure
from veilleur.domain.intake.models import LegalHold
from veilleur.domain.tenancy.models import Agency, Credential, Member, Source
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

Documents = Literal["keep", "handed_over"]


@dataclass(frozen=True, slots=True)
class Leave:
    """Why, and whether its vouchers are kept here or were handed over to who has to keep them."""

    reason: str
    documents: Documents


async def let_agency_go(session: AsyncSession, agency_id: UUID, leave: Leave) -> Departure:
    """Shut every door and have everything erased; asked again it is the same departure. Under a legal hold an agency
    stays: `Conflict`.
    """
    departure = await find_departure(session, agency_id)
    if departure is not None:
        return departure
    if await session.get(Agency, agency_id) is None:
        raise NotFound(msg("There is no {id} here", id=show_id("agc", agency_id)))
    holds = select(func.count()).select_from(LegalHold).where(
        LegalHold.agency_id == agency_id, LegalHold.lifted_at.is_(None)
    )  # fmt: skip
    standing = (await session.execute(holds)).scalar_one()
    if standing:
        raise Conflict(msg("Legal holds stand in the way: {count}", count=standing), slug="legal-hold")
    present = (await session.execute(select(func.app_now()))).scalar_one()
    doors: list[tuple[Any, dict[str, Any]]] = [
        (Member, {"disabled_at": present}),
        (Credential, {"revoked_at": present}),
        (Source, {"mode": "closed"}),
    ]
    for table, shut in doors:
        await session.execute(update(table).where(table.agency_id == agency_id).values(**shut))
    departure = Departure(
        agency_id=agency_id, documents=leave.documents, reason=leave.reason, state="running", requested_at=present
    )
    session.add(departure)
    await session.flush()
    await hint_work(session, agency_id, "erasure")
    return departure


async def find_departure(session: AsyncSession, agency_id: UUID) -> Departure | None:
    return await session.get(Departure, agency_id)


def describe_departure(departure: Departure) -> dict[str, Any]:
    """The receipt: `kept` are rows by table, of vouchers and what they refer to; nothing else is left."""
    return {
        "agency": show_id("agc", departure.agency_id),
        "state": departure.state,
        "documents": departure.documents,
        "reason": departure.reason,
        "requested_at": departure.requested_at,
        "finished_at": departure.finished_at,
        "erased": departure.counts,
        "kept": departure.kept,
    }
