"""What is no longer owed to anybody: events past their thirty days with their finished deliveries. What they said may
go earlier, by the data policy of their client.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.outbox.announce import KEPT_S

_UNDONE = """
EXISTS (SELECT FROM deliveries d WHERE d.agency_id = e.agency_id AND d.event_id = e.id
        AND d.state IN ('pending', 'sending'))
"""
_OLD = f"""
SELECT e.id FROM events e
WHERE e.agency_id = :agency_id AND e.occurred_at < app_now() - interval '{KEPT_S} seconds'
  AND NOT {_UNDONE}
ORDER BY e.occurred_at LIMIT :wanted
"""
_DROP_DELIVERIES = text("DELETE FROM deliveries WHERE agency_id = :agency_id AND event_id = ANY(CAST(:ids AS uuid[]))")
_DROP_EVENTS = text("DELETE FROM events WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[]))")


async def drop_old_events(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Delete up to `limit` events that are past keeping; how many there were."""
    old = list(await session.scalars(text(_OLD), {"agency_id": agency_id, "wanted": limit}))
    if old:
        values = {"agency_id": agency_id, "ids": old}
        await session.execute(_DROP_DELIVERIES, values)
        await session.execute(_DROP_EVENTS, values)
    return len(old)
