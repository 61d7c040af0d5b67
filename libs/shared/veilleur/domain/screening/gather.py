"""Gathering, before a batch is judged, everything its rules need that the items themselves do not tell.

What can't be had is absent: unknown to the rules, never 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.models import Item
from veilleur.domain.rules.facts import ItemFacts, item_facts
from veilleur.domain.screening.author_history import Author, load_author_histories
from veilleur.domain.screening.caps import Caps, load_caps
from veilleur.domain.screening.client_settings import ClientSettings, load_settings
from veilleur.domain.screening.inquire import Inquiry, load_inquiry
from veilleur.domain.screening.judge import as_sent
from veilleur.domain.screening.rule_sets import Published
from veilleur.domain.screening.tally import Counts


@dataclass(frozen=True, slots=True)
class Gathered:
    """What was found out for a batch."""

    present: datetime
    settings: Mapping[UUID, ClientSettings]
    counts: Counts
    histories: Mapping[Author, Mapping[str, int]]
    caps: Caps
    inquiry: Inquiry

    def facts_of(self, item: Item) -> ItemFacts:
        """The facts of an item, as rules read them."""
        gathered = self.settings[item.client_id].gathered
        gathered |= self.counts.facts.get((item.id, item.revision), {})
        gathered |= self.inquiry.facts_of(item)
        gathered |= self.histories.get((item.client_id, item.author_external_id or ""), {})
        return item_facts(as_sent(item), self.present, gathered)


async def gather_facts(
    session: AsyncSession,
    agency_id: UUID,
    items: Sequence[Item],
    published: Mapping[UUID, Published],
    counts: Counts,
    present: datetime,
) -> Gathered:
    """One query for the clients, for all authors and for the caps, two for providers, each only where rules ask."""
    settings = await load_settings(session, agency_id, {item.client_id for item in items})
    authors = {
        (item.client_id, item.author_external_id)
        for item in items
        if item.author_external_id is not None
        and item.client_id in published
        and published[item.client_id].compiled.needs.author_history
    }
    histories = await load_author_histories(session, agency_id, authors, settings, present)
    caps = await load_caps(session, agency_id, published, settings, present)
    inquiry = await load_inquiry(session, agency_id, items, published)
    return Gathered(present, settings, counts, histories, caps, inquiry)
