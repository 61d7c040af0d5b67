"""The rule sets in force."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.models import RuleSetVersion


async def load_published(
    session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]
) -> dict[UUID, tuple[int, str]]:
    """Version and digest of each client's published rule set; clients without one are absent."""
    rows = await session.execute(
        select(RuleSetVersion.client_id, RuleSetVersion.version, RuleSetVersion.digest).where(
            RuleSetVersion.agency_id == agency_id,
            RuleSetVersion.client_id.in_(client_ids),
            RuleSetVersion.state == "published",
        )
    )
    return {row.client_id: (row.version, row.digest) for row in rows}
