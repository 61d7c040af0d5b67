"""What is no longer owed to anybody: events past their thirty days with their finished deliveries, and bodies past what
their client keeps.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.outbox.announce import KEPT_S
from veilleur.infra.worklist import hint_work

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
_DROP_BODIES = text(f"""
UPDATE events SET body = NULL WHERE agency_id = :agency_id AND id IN (
  SELECT e.id FROM events e JOIN clients c ON c.agency_id = e.agency_id AND c.id = e.client_id
  WHERE e.agency_id = :agency_id AND c.payload_days * 86400 < {KEPT_S} AND e.body IS NOT NULL
    AND e.occurred_at < app_now() - make_interval(days => c.payload_days) AND NOT {_UNDONE}
  ORDER BY e.id LIMIT :wanted)
""")
_KEEPS_LESS = text(f"""
SELECT EXISTS (SELECT FROM clients WHERE agency_id = :agency_id AND payload_days * 86400 < {KEPT_S})
""")
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


async def drop_old_bodies(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Forget what up to `limit` events said whose client keeps that for less time; that they were stays."""
    values = {"agency_id": agency_id}
    if not (await session.execute(_KEEPS_LESS, values)).scalar_one():
        return 0
    dropped: int = (await session.execute(_DROP_BODIES, values | {"wanted": limit})).rowcount  # type: ignore[attr-defined]
    await hint_work(session, agency_id, "retention", in_s=86_400, daily=True)
    return dropped
