"""Webhook ids are kept for thirty days: longer than any sender repeats itself."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

KEPT_S = 30 * 86_400

_DROP = text(f"""
DELETE FROM webhook_receipts WHERE agency_id = :agency_id AND (source_id, webhook_id) IN (
  SELECT source_id, webhook_id FROM webhook_receipts
  WHERE agency_id = :agency_id AND received_at < app_now() - interval '{KEPT_S} seconds' LIMIT :wanted)
""")


async def drop_old_receipts(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Delete up to `limit` receipts that are past keeping; how many there were."""
    dropped = await session.execute(_DROP, {"agency_id": agency_id, "wanted": limit})
    count: int = dropped.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every DELETE
    return count
