"""The items of a client whose texts are copies of one item's text, or much alike where fuzzy keys are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.rules.facts import item_facts
from veilleur.domain.screening.judge import as_sent
from veilleur.domain.screening.models import NearDupKey
from veilleur.domain.screening.near_dups import list_keys

MAX_SUMMED = 10_000


@dataclass(frozen=True, slots=True)
class Wave:
    """How many copies there are (up to 10,000 are looked at), by how many authors, from where and since when."""

    items: int
    authors: int
    sources: int
    first_seen_at: datetime | None
    last_seen_at: datetime | None


def select_copies(item: Item) -> Select[Any]:
    """The items that share a key with `item`, itself among them."""
    keys = list_keys(item_facts(as_sent(item), item.received_at), fuzzy=True)
    sharing = select(NearDupKey.item_id).where(
        NearDupKey.agency_id == item.agency_id, NearDupKey.client_id == item.client_id, NearDupKey.key.in_(keys)
    )
    return select(Item).where(Item.agency_id == item.agency_id, Item.id.in_(sharing))


async def sum_copies(session: AsyncSession, item: Item) -> Wave:
    seen = select_copies(item).order_by(Item.id).limit(MAX_SUMMED).subquery()
    query = select(
        func.count(),
        func.count(seen.c.author_external_id.distinct()),
        func.count(seen.c.source_id.distinct()),
        func.min(seen.c.received_at),
        func.max(seen.c.received_at),
    ).select_from(seen)
    return Wave(*(await session.execute(query)).one())
