"""Webhook ids are kept for thirty days, longer than any sender repeats itself; what stored nothing for seven."""

from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.intake.note_unstored import UNSTORED_KEPT_S

KEPT_S = 30 * 86_400

_DROP = text(f"""
DELETE FROM webhook_receipts WHERE agency_id = :agency_id AND (source_id, webhook_id) IN (
  SELECT source_id, webhook_id FROM webhook_receipts
  WHERE agency_id = :agency_id AND received_at < app_now() - interval '{KEPT_S} seconds' LIMIT :wanted)
""")

_DROP_UNSTORED = text(f"""
DELETE FROM unstored_deliveries WHERE agency_id = :agency_id AND id IN (
  SELECT id FROM unstored_deliveries
  WHERE agency_id = :agency_id AND received_at < app_now() - interval '{UNSTORED_KEPT_S} seconds' LIMIT :wanted)
""")


async def drop_old_receipts(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Delete up to `limit` receipts that are past keeping; how many there were."""
    return await _drop(session, _DROP, agency_id, limit)


async def drop_old_unstored(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Delete up to `limit` notes of deliveries that stored nothing; how many there were."""
    return await _drop(session, _DROP_UNSTORED, agency_id, limit)


async def _drop(session: AsyncSession, statement: TextClause, agency_id: UUID, limit: int) -> int:
    dropped = await session.execute(statement, {"agency_id": agency_id, "wanted": limit})
    count: int = dropped.rowcount  # type: ignore[attr-defined]  # a cursor result, as of every DELETE
    return count
