"""Open cases about items like the one in hand: the same words, the same author, or the same link."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.review.models import Case, CaseState

SimilarBy = Literal["near_dup", "author", "link"]
MOST = 1_000
"""So many cases are decided at once at most; of more, the ones that are due first."""


@dataclass(frozen=True, slots=True)
class Similar:
    """`free` may be decided along, `held` are in the hands of others; `more` when there were too many to look at."""

    free: list[Case]
    held: list[Case]
    more: bool


async def find_similar(session: AsyncSession, agency_id: UUID, item: Item, by: SimilarBy, member_id: UUID) -> Similar:
    """Open cases about other items of this client; nothing is locked."""
    key = _key_column(by)
    wanted = getattr(item, key.key)
    if wanted is None:
        return Similar([], [], more=False)
    query = (
        select(Case)
        .join(Item, (Item.agency_id == Case.agency_id) & (Item.id == Case.item_id))
        .where(
            Case.agency_id == agency_id,
            Case.state.in_([CaseState.READY, CaseState.LEASED]),
            Item.client_id == item.client_id,
            key == wanted,
            Item.id != item.id,
            Item.deleted_at.is_(None),
            Item.hold_class.is_(None),
            Item.mode == "live",
        )
        .order_by(Case.due_at, Case.id)
        .limit(MOST + 1)
    )
    cases = list(await session.scalars(query.execution_options(populate_existing=True)))
    present = (await session.execute(select(func.app_now()))).scalar_one()
    return sort_cases(cases, member_id, present)


def sort_cases(cases: Sequence[Case], member_id: UUID, present: datetime) -> Similar:
    """Who may decide what: ready cases, one's own, and those whose lease has run out."""
    looked_at = cases[:MOST]
    held = [case for case in looked_at if _is_held(case, member_id, present)]
    free = [case for case in looked_at if not _is_held(case, member_id, present)]
    return Similar(free, held, more=len(cases) > MOST)


def _is_held(case: Case, member_id: UUID, present: datetime) -> bool:
    if case.state != CaseState.LEASED or case.holder_id == member_id:
        return False
    return case.lease_expires_at is None or case.lease_expires_at > present


def _key_column(by: SimilarBy) -> Any:
    return {"near_dup": Item.text_key, "author": Item.author_external_id, "link": Item.link_key}[by]
