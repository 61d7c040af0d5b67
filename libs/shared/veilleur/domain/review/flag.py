"""Flagging: a case that the pool can't deal with is taken out of it, where leads and owners find it."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.kernel.ids import show_id

MAX_EXPIRIES = 3
"""After so many leases that ran out, a lead looks at the case before anybody else loses time on it."""

_FLAG_EXPIRED = text("""
WITH lost AS MATERIALIZED (
  SELECT id, assignment_id FROM cases
  WHERE agency_id = :agency_id AND id = ANY(CAST(:ids AS uuid[])) AND state = 'leased' AND lease_expires_at <= app_now()
  ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
ended AS (
  UPDATE assignments SET outcome = 'expired', ended_at = app_now() FROM lost
  WHERE assignments.agency_id = :agency_id AND assignments.id = lost.assignment_id AND ended_at IS NULL)
UPDATE cases SET state = 'ready', holder_id = NULL, lease_expires_at = NULL, flag = 'expired', expiries = expiries + 1
FROM lost WHERE cases.agency_id = :agency_id AND cases.id = lost.id
RETURNING cases.id, cases.client_id
""")


async def flag_expired(session: AsyncSession, agency_id: UUID, case_ids: Sequence[UUID]) -> None:
    """Take cases whose last lease ran out from whoever let it, and flag them."""
    rows = (await session.execute(_FLAG_EXPIRED, {"agency_id": agency_id, "ids": list(case_ids)})).all()
    deeds = [Deed("system", "case.flagged", show_id("cas", row.id), row.client_id, {"flag": "expired"}) for row in rows]
    await record_deeds(session, agency_id, deeds)
