"""What one moderator has decided, newest first."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.queries import load_catalogues
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.shape import decision_payload
from veilleur.domain.review.mend import OWN_FOR
from veilleur.kernel.ids import show_id
from veilleur.kernel.paging import Page, PageRequest, cut_page, read_moment


async def list_made(session: AsyncSession, agency_id: UUID, member_id: UUID, page: PageRequest) -> Page[dict[str, Any]]:
    """Own decisions with what became of them, and until when they may be corrected."""
    query = select(Decision).where(Decision.agency_id == agency_id, Decision.member_id == member_id)
    if page.after is not None:
        query = query.where(tuple_(Decision.made_at, Decision.id) < read_moment(page.after))
    newest = query.order_by(Decision.made_at.desc(), Decision.id.desc()).limit(page.limit + 1)
    cut = cut_page(
        list(await session.scalars(newest)), page, lambda decision: [decision.made_at.isoformat(), str(decision.id)]
    )
    catalogues = await load_catalogues(session, agency_id, {decision.client_id for decision in cut.data})
    present = (await session.execute(select(func.app_now()))).scalar_one()
    shown = [
        decision_payload(decision, catalogues[decision.client_id].policies) | _own(decision, present)
        for decision in cut.data
    ]
    return Page(shown, cut.next)


def describe_own(decision: Decision) -> dict[str, Any]:
    """What only those who decide are shown of a decision."""
    return {
        "item_id": show_id("itm", decision.item_id),
        "client_id": show_id("cli", decision.client_id),
        "revision": decision.item_revision,
        "note": decision.note,
        "cause": decision.cause,
        "reverses": show_id("dec", decision.reverses) if decision.reverses else None,
        "reversed_by": show_id("dec", decision.reversed_by) if decision.reversed_by else None,
    }


def _own(decision: Decision, present: datetime) -> dict[str, Any]:
    until = decision.made_at + OWN_FOR
    open_until = until if decision.reversed_by is None and until > present else None
    return describe_own(decision) | {"correctable_until": open_until}
