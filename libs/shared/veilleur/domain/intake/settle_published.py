"""A queued post that we let through comes back as a new post: it was decided already."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.arrival import Entry
from veilleur.domain.intake.echoes import ECHO_FOR
from veilleur.domain.intake.sources.discourse import QUEUED

_SETTLE = text(f"""
UPDATE items new SET state = 'decided', closed_at = app_now()
FROM items old
WHERE new.agency_id = :agency_id AND new.id = ANY(CAST(:ids AS uuid[])) AND old.agency_id = new.agency_id
  AND old.client_id = new.client_id AND old.source_id = new.source_id AND old.text_key = new.text_key
  AND old.author_external_id = new.author_external_id AND old.id <> new.id
  AND starts_with(old.external_id, '{QUEUED}') AND old.state = 'decided' AND old.removed_at IS NULL
  AND old.acted_at > app_now() - interval '{int(ECHO_FOR.total_seconds())} seconds'
  AND old.body ->> 'text' = new.body ->> 'text'
""")


async def settle_published(session: AsyncSession, agency_id: UUID, stored: Sequence[tuple[Entry, UUID]]) -> None:
    """Ask nobody again about new posts that are what we have just published: same author, same words."""
    ids = [item_id for entry, item_id in stored if not entry.event.external_id.startswith(QUEUED)]
    if ids:
        await session.execute(_SETTLE, {"agency_id": agency_id, "ids": ids})
