"""Providers are asked only where everything cheaper leaves an item open, and once about each revision of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.providers.ask import Open, ask_providers, do_without
from veilleur.domain.providers.offers import Offer, find_patience
from veilleur.domain.providers.queries import Told, load_offers, load_told
from veilleur.domain.screening.judge import Judged
from veilleur.domain.screening.rule_sets import Published


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Whom to ask about a client's items, and what was asked about the batch and answered already."""

    offers: Mapping[UUID, Sequence[Offer]]
    told: Mapping[tuple[UUID, int], Told]

    def facts_of(self, item: Item) -> Mapping[str, float]:
        told = self.told.get((item.id, item.revision))
        return {} if told is None else told.facts

    def is_open(self, judged: Judged) -> bool:
        """Whether a provider that was not asked yet could change what the rules say."""
        return bool(self.find_asked(judged))

    def find_asked(self, judged: Judged) -> list[Offer]:
        """Whom to ask about an item; nobody about one that has no text, or that was asked about before."""
        item, evaluation = judged.question.item, judged.evaluation
        if evaluation is None or (item.id, item.revision) in self.told or not item.body.get("text"):
            return []
        return [offer for offer in self.offers.get(item.client_id, ()) if offer.find_told(evaluation.open_providers)]


async def load_inquiry(
    session: AsyncSession, agency_id: UUID, items: Sequence[Item], published: Mapping[UUID, Published]
) -> Inquiry:
    """Two queries, and none where no rule reads what providers say."""
    reading = [
        item for item in items if item.client_id in published and published[item.client_id].compiled.needs.providers
    ]
    offers = await load_offers(session, agency_id, {item.client_id for item in reading})
    return Inquiry(offers, await load_told(session, agency_id, [item.id for item in reading]))


async def inquire(
    session: AsyncSession, agency_id: UUID, inquiry: Inquiry, judged: Sequence[Judged], present: datetime
) -> None:
    """Have providers asked about what is open; no answer is waited for about the rest of the batch."""
    opened = [
        Open(
            client_id=one.question.item.client_id,
            item_id=one.question.item.id,
            revision=one.question.item.revision,
            fields=one.evaluation.open_providers,
            patience_s=find_patience(offer.timeout_s for offer in offers),
        )
        for one in judged
        if one.evaluation is not None and (offers := inquiry.find_asked(one))
    ]
    # Of items that are judged now, and of revisions that are no more.
    late = [item_id for (item_id, _), told in inquiry.told.items() if told.open]
    await do_without(session, agency_id, late)
    await ask_providers(session, agency_id, opened, present)
