"""What screening needs to know about clients beside their rules, for a whole batch at once."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.sent import read_language
from veilleur.domain.tenancy.models import Client


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """`stamp` changes when the client's counters can't be believed any more: other rules came into force, or items
    were screened without being counted.
    """

    time_zone: str
    languages: tuple[str, ...]
    """Primary subtags, as rules know languages."""
    strike_days: int
    stamp: str

    @property
    def gathered(self) -> dict[str, object]:
        """What is known of every item of this client."""
        return {"client.languages": list(self.languages)} if self.languages else {}


async def load_settings(
    session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]
) -> dict[UUID, ClientSettings]:
    published = and_(
        RuleSetVersion.agency_id == Client.agency_id,
        RuleSetVersion.client_id == Client.id,
        RuleSetVersion.state == "published",
    )
    query = (
        select(
            Client.id,
            Client.time_zone,
            Client.languages,
            Client.strike_days,
            Client.counter_epoch,
            RuleSetVersion.version,
            RuleSetVersion.published_at,
        )
        .outerjoin(RuleSetVersion, published)
        .where(Client.agency_id == agency_id, Client.id.in_(client_ids))
    )
    return {
        row.id: ClientSettings(
            time_zone=row.time_zone,
            languages=tuple(dict.fromkeys(map(read_language, row.languages))),
            strike_days=row.strike_days,
            stamp=f"{row.counter_epoch}|{row.version}|{row.published_at}",
        )
        for row in await session.execute(query)
    }
