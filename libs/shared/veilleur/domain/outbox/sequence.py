"""The sequencer: committed events get their place in the agency's feed, one after another.

Ids and serial numbers are drawn before the commit, so a reader that pages by them loses what commits late. Here a
place is given to what is committed already, under the lock of the agency's counter: a cursor never passes an open
transaction.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

# Not for an agency that has left: nothing of it may come back.
_FIRST = text("""
INSERT INTO feed_counters (agency_id, last) SELECT agency_id, 0 FROM agencies WHERE agency_id = :agency_id
ON CONFLICT DO NOTHING
""")
_LOCK = text("SELECT last FROM feed_counters WHERE agency_id = :agency_id FOR UPDATE")
_NUMBER = text("""
WITH waiting AS (
  SELECT id, row_number() OVER (ORDER BY id) AS place FROM (
    SELECT id FROM events WHERE agency_id = :agency_id AND sequence IS NULL
      AND (release_at IS NULL OR release_at <= app_now()) ORDER BY id LIMIT :wanted) AS oldest)
UPDATE events SET sequence = :last + waiting.place FROM waiting
WHERE events.agency_id = :agency_id AND events.id = waiting.id
""")
_ADVANCE = text("UPDATE feed_counters SET last = last + :given WHERE agency_id = :agency_id")


async def sequence_events(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Place up to `limit` committed events; how many there were."""
    mine = {"agency_id": agency_id}
    await session.execute(_FIRST, mine)
    last = (await session.execute(_LOCK, mine)).scalar_one_or_none()
    if last is None:
        return 0
    numbered = await session.execute(_NUMBER, mine | {"wanted": limit, "last": last})
    given: int = numbered.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every UPDATE
    if given:
        await session.execute(_ADVANCE, mine | {"given": given})
    return given
