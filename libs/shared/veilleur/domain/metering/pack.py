"""Replacing many parts of a day's sums by one."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

PARTS_AT_ONCE = 20_000
"""So many parts are packed within a second or two."""

_TRY_ALONE = text("SELECT pg_try_advisory_xact_lock(hashtextextended('pack' || CAST(:agency_id AS text), 0))")

# One statement: whoever looks meanwhile sees the parts or their sum, never both.
_PACK = text("""
WITH picked AS MATERIALIZED (
  SELECT client_id, local_date, id FROM usage_sums WHERE agency_id = :agency_id AND NOT packed LIMIT :most),
days AS (SELECT DISTINCT client_id, local_date FROM picked),
parts AS (
  DELETE FROM usage_sums USING picked WHERE usage_sums.agency_id = :agency_id
    AND usage_sums.client_id = picked.client_id AND usage_sums.local_date = picked.local_date
    AND usage_sums.id = picked.id RETURNING usage_sums.*),
before AS (
  DELETE FROM usage_sums USING days WHERE usage_sums.agency_id = :agency_id
    AND usage_sums.client_id = days.client_id AND usage_sums.local_date = days.local_date AND packed
  RETURNING usage_sums.*),
packed AS (
  INSERT INTO usage_sums (agency_id, client_id, local_date, meter, source_id, billable, late, dims, quantity, records,
                          packed)
  SELECT agency_id, client_id, local_date, meter, source_id, billable, late, dims, sum(quantity), sum(records), true
  FROM (SELECT * FROM parts UNION ALL SELECT * FROM before) AS gone GROUP BY 1, 2, 3, 4, 5, 6, 7, 8)
SELECT count(*) FROM picked
""")


async def pack_sums(session: AsyncSession, agency_id: UUID, most: int = PARTS_AT_ONCE) -> bool:
    """Pack up to `most` parts that were added; whether there may be more."""
    if not (await session.execute(_TRY_ALONE, {"agency_id": str(agency_id)})).scalar_one():
        return False
    picked: int = (await session.execute(_PACK, {"agency_id": agency_id, "most": most})).scalar_one()
    return picked == most
