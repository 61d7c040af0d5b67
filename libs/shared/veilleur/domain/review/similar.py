"""Open cases about items like the one in hand: the same words, the same author, or the same link."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.review.models import Case, CaseState
from veilleur.domain.review.needs import QueueTerms, find_fit, read_needs
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.staff import Person, load_person
from veilleur.domain.tenancy.members import find_member

SimilarBy = Literal["near_dup", "author", "link"]
MOST = 1_000
"""So many cases are decided at once at most; of more, the ones that are due first."""


@dataclass(frozen=True, slots=True)
class Similar:
    """`free` may be decided along, `held` are left to others; `more` when there were too many to look at.

    Others have a case in their hands or kept for them, or work its queue: one look opens no wall that a claim respects.
    """

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
    person, present = await load_person(session, await find_member(session, agency_id, member_id))
    return sort_cases(cases, person, await load_queues(session, agency_id), present)


def sort_cases(cases: Sequence[Case], person: Person, queues: Mapping[UUID, QueueTerms], present: datetime) -> Similar:
    """Who may decide what: one's own, and whatever of the others this person could be handed now."""
    free: list[Case] = []
    held: list[Case] = []
    for case in cases[:MOST]:
        mine = case.state == CaseState.LEASED and case.holder_id == person.id
        within_reach = mine or _is_within_reach(case, person, queues[case.queue_id], present)
        (free if within_reach else held).append(case)
    return Similar(free, held, more=len(cases) > MOST)


def _is_within_reach(case: Case, person: Person, queue: QueueTerms, present: datetime) -> bool:
    until = case.lease_expires_at if case.state == CaseState.LEASED else case.reserved_until
    in_other_hands = case.state == CaseState.LEASED or case.reserved_for not in {None, person.id}
    if in_other_hands and (until is None or until > present):
        return False
    if case.flag is not None and not person.able.supervises:
        return False
    return find_fit(person.able, case.client_id, queue, read_needs(case.needs)) == "primary"


def _key_column(by: SimilarBy) -> Any:
    return {"near_dup": Item.text_key, "author": Item.author_external_id, "link": Item.link_key}[by]
