"""The rule sets in force, and those that run in their shadow."""

from collections.abc import Collection
from dataclasses import dataclass, field
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.models import RuleSetVersion


@dataclass(frozen=True, slots=True)
class Named:
    """A version, the digest of its document, and the shared lists that this refers to."""

    version: int
    digest: str
    lists: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InForce:
    """By client; who has none is absent."""

    published: dict[UUID, Named] = field(default_factory=dict)
    shadows: dict[UUID, Named] = field(default_factory=dict)


async def load_in_force(session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID]) -> InForce:
    """What is published and what runs in shadow, of each of these clients."""
    table = RuleSetVersion
    in_shadow = and_(table.shadow_since.is_not(None), table.shadow_until.is_(None))
    rows = await session.execute(
        select(
            table.client_id, table.version, table.digest, table.lists, table.state, in_shadow.label("in_shadow")
        ).where(
            table.agency_id == agency_id,
            table.client_id.in_(client_ids),
            or_(table.state == "published", in_shadow),
        )
    )
    found = InForce()
    for row in rows:
        named = Named(row.version, row.digest, tuple(row.lists))
        if row.state == "published":
            found.published[row.client_id] = named
        if row.in_shadow:
            found.shadows[row.client_id] = named
    return found


async def find_published(session: AsyncSession, agency_id: UUID, client_id: UUID) -> int | None:
    """The number of the version in force."""
    found = (await load_in_force(session, agency_id, [client_id])).published.get(client_id)
    return None if found is None else found.version
