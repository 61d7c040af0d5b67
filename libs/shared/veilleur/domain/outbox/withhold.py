"""Taking back what nobody has been told yet."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Deliveries are locked before they are judged: a sender that has just begun is waited for, and then it is too late.
_LOCK = text("""
SELECT d.event_id, d.state FROM deliveries d
JOIN events e ON e.agency_id = d.agency_id AND e.id = d.event_id
WHERE e.agency_id = :agency_id AND e.decision_id = ANY(CAST(:ids AS uuid[])) AND e.release_at > app_now()
ORDER BY d.id FOR UPDATE OF d
""")
_WITHHOLD = text("""
UPDATE events SET release_at = 'infinity'
WHERE agency_id = :agency_id AND decision_id = ANY(CAST(:ids AS uuid[])) AND release_at > app_now()
  AND release_at < 'infinity' AND sequence IS NULL AND NOT id = ANY(CAST(:left AS uuid[]))
RETURNING id, decision_id
""")
_GIVE_UP = text("""
UPDATE deliveries SET state = 'dead', due_at = NULL, last_error = 'withheld'
WHERE agency_id = :agency_id AND event_id = ANY(CAST(:ids AS uuid[])) AND state = 'pending'
""")


async def withhold_decisions(session: AsyncSession, agency_id: UUID, decision_ids: Collection[UUID]) -> set[UUID]:
    """Never tell of these decisions; the ones of which nobody has been told, and now nobody will be."""
    values = {"agency_id": agency_id, "ids": list(decision_ids)}
    locked = await session.execute(_LOCK, values)
    left = {row.event_id for row in locked if row.state != "pending"}
    withheld = (await session.execute(_WITHHOLD, values | {"left": list(left)})).all()
    if withheld:
        await session.execute(_GIVE_UP, {"agency_id": agency_id, "ids": [row.id for row in withheld]})
    return {row.decision_id for row in withheld}
