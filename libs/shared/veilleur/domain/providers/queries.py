"""What screening wants to know of providers: who may be asked about a client, and what was answered."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.providers.models import Provider, ProviderQuestion
from veilleur.domain.providers.offers import Offer, make_offer

ItemRevision = tuple[UUID, int]


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a question so far; `open`: an answer may still be on its way."""

    facts: Mapping[str, float]
    open: bool


async def load_offers(session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> dict[UUID, list[Offer]]:
    """By client: the providers that may see its content."""
    offers: dict[UUID, list[Offer]] = {}
    for provider in await load_open_providers(session, agency_id, client_ids):
        offer = make_offer(provider.name, provider.kind, provider.settings, provider.timeout_s)
        for client_id in {*provider.clients} & {*client_ids}:
            offers.setdefault(client_id, []).append(offer)
    return offers


async def load_open_providers(session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> list[Provider]:
    """The providers that are opened for any of these clients, in one order."""
    if not client_ids:
        return []
    query = select(Provider).where(
        Provider.agency_id == agency_id,
        Provider.disabled_at.is_(None),
        Provider.clients.overlap(sorted(client_ids)),
    )
    return list(await session.scalars(query.order_by(Provider.id).execution_options(populate_existing=True)))


async def load_told(session: AsyncSession, agency_id: UUID, item_ids: Collection[UUID]) -> dict[ItemRevision, Told]:
    """By item and revision: what came of its question; absent where none was asked."""
    if not item_ids:
        return {}
    asked = ProviderQuestion
    query = select(asked.item_id, asked.item_revision, asked.scores, asked.state).where(
        asked.agency_id == agency_id, asked.item_id.in_(item_ids)
    )
    return {
        (row.item_id, row.item_revision): Told(
            {name: float(score) for name, score in (row.scores or {}).items()}, row.state in ("waiting", "asking")
        )
        for row in await session.execute(query)
    }
