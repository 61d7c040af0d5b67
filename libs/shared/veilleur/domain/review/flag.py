"""Flagging: a case that the pool can't deal with is taken out of it, where leads and owners find it."""

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import Trouble, close_alarms, raise_alarm
from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.models import Case
from veilleur.domain.review.needs import read_needs
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.staff import list_fitting, load_staff
from veilleur.kernel.ids import show_id

Flag = Literal["expired", "skipped", "stuck"]

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
    for row in rows:
        await _tell(session, agency_id, row.client_id, row.id, "expired")


async def flag_case(session: AsyncSession, case: Case, flag: Flag) -> None:
    """Flag a locked case; the caller writes what else changes about it."""
    if case.flag is None:
        case.flag = flag
        await _tell(session, case.agency_id, case.client_id, case.id, flag)


async def flag_if_nobody_is_left(session: AsyncSession, case: Case) -> None:
    """Flag a locked case that every moderator who fits has passed by: it would wait for nobody.

    Leads and owners don't count among those it waits for; they are who looks at it then.
    """
    queue = (await load_queues(session, case.agency_id))[case.queue_id]
    staff = [person for person in await load_staff(session, case.agency_id) if not person.able.supervises]
    fitting = list_fitting(staff, case.client_id, queue, read_needs(case.needs))
    if {person.id for person in fitting} <= set(case.passed_by):
        await flag_case(session, case, "skipped")


async def settle_alarms(session: AsyncSession, case: Case) -> None:
    """The case is dealt with: nobody has to look any more."""
    for kind in ("case.flagged", "case.escalated"):
        await close_alarms(session, case.agency_id, kind, [show_id("cas", case.id)], case.client_id)


async def _tell(session: AsyncSession, agency_id: UUID, client_id: UUID, case_id: UUID, flag: Flag) -> None:
    deed = Deed("system", "case.flagged", show_id("cas", case_id), client_id, {"flag": flag})
    await record_deeds(session, agency_id, [deed])
    await raise_alarm(session, agency_id, Trouble("case.flagged", show_id("cas", case_id), client_id, {"flag": flag}))
