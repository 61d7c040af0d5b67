"""Telling a client that its catalogue is another one: its own code may map actions to what it does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.outbox.announce import Announcement, announce


@dataclass(frozen=True, slots=True)
class CatalogueChange:
    kind: Literal["policy", "action"]
    code: str
    change: Literal["added", "changed", "removed"]


async def announce_changes(
    session: AsyncSession, agency_id: UUID, client_id: UUID, changes: Sequence[CatalogueChange]
) -> None:
    """One `catalogue.changed` for all changes of a transaction; none for no change."""
    if not changes:
        return
    present = (await session.execute(select(func.app_now()))).scalar_one()
    shown = [{"kind": one.kind, "code": one.code, "change": one.change} for one in changes]
    await announce(session, agency_id, [Announcement(client_id, "catalogue.changed", {"changed": shown}, present)])
