"""Filters of lists that name something: what is not there is said, it does not answer with an empty page."""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import Prefix, read_id
from veilleur.kernel.messages import msg


async def read_known(
    session: AsyncSession, agency_id: UUID, table: Any, prefix: Prefix, shown: str | None
) -> UUID | None:
    """The id of a row of the agency that the caller may see; None where nothing is asked for."""
    if shown is None:
        return None
    identifier = read_id(prefix, shown)
    query = select(table.id).where(table.agency_id == agency_id, table.id == identifier)
    if (await session.execute(query)).first() is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return identifier
