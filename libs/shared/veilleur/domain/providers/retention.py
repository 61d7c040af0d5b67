"""Answers of providers are remembered for thirty days; what rules were told stays with their evaluation."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.providers.ask import KEPT_S

_OLD = f"agency_id = :agency_id AND asked_at < app_now() - interval '{KEPT_S} seconds'"
_DROP_SCORES = text(f"""
DELETE FROM provider_cache WHERE agency_id = :agency_id AND (provider_id, digest) IN (
  SELECT provider_id, digest FROM provider_cache WHERE {_OLD} LIMIT :wanted)
""")
_DROP_QUESTIONS = text(f"""
DELETE FROM provider_questions WHERE agency_id = :agency_id AND id IN (
  SELECT id FROM provider_questions WHERE {_OLD} AND due_at IS NULL LIMIT :wanted)
""")


async def drop_old_answers(session: AsyncSession, agency_id: UUID, limit: int) -> int:
    """Delete up to `limit` remembered scores, and as many questions, that are past keeping."""
    values = {"agency_id": agency_id, "wanted": limit}
    counts: list[int] = [
        (await session.execute(statement, values)).rowcount  # type: ignore[attr-defined]  # a DELETE's cursor result
        for statement in (_DROP_SCORES, _DROP_QUESTIONS)
    ]
    return max(counts)
