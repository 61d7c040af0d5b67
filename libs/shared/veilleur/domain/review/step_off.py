"""Coming, pausing and going: a member's status, and what happens to what is in hand."""

from uuid import UUID

from sqlalchemy import func, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.review.hand_over import drop_reservations
from veilleur.domain.review.lease import lock_member
from veilleur.domain.review.presence import Status
from veilleur.domain.tenancy.models import Member
from veilleur.kernel.ids import show_id

_SERVED = """EXISTS (
    SELECT FROM members m WHERE m.agency_id = cases.agency_id AND m.id = :member_id
      AND (m.serves_all OR EXISTS (SELECT FROM grants g WHERE g.agency_id = m.agency_id AND g.member_id = m.id
                                   AND g.client_id = cases.client_id)))"""
_FREE = """
WITH mine AS MATERIALIZED (
  SELECT id, assignment_id FROM cases
  WHERE agency_id = :agency_id AND holder_id = :member_id AND state = 'leased' AND {which}
  ORDER BY id FOR NO KEY UPDATE),
ended AS (
  UPDATE assignments SET outcome = 'freed', ended_at = app_now() FROM mine
  WHERE assignments.agency_id = :agency_id AND assignments.id = mine.assignment_id AND ended_at IS NULL)
UPDATE cases SET state = 'ready', holder_id = NULL, lease_expires_at = NULL
FROM mine WHERE cases.agency_id = :agency_id AND cases.id = mine.id RETURNING cases.id
"""
_FREE_ALL, _FREE_UNSERVED = text(_FREE.format(which="true")), text(_FREE.format(which=f"NOT {_SERVED}"))
_UNRESERVE_UNSERVED = text(f"""
UPDATE cases SET reserved_for = NULL, reserved_until = NULL
WHERE agency_id = :agency_id AND reserved_for = :member_id AND state = 'ready' AND NOT {_SERVED}
""")


async def set_status(session: AsyncSession, agency_id: UUID, member_id: UUID, status: Status) -> Member:
    """`off` frees everything in hand at once, and it counts against nobody; `break` keeps it and brings nothing new."""
    member = await lock_member(session, agency_id, member_id)
    if member.status != status:
        member.status, member.status_since = status, func.app_now()
        await session.flush()
        await session.refresh(member)
        shown = show_id("mem", member_id)
        await record_deeds(session, agency_id, [Deed(shown, "member.status_set", shown, None, {"status": status})])
    if status == "off":
        await free_hands(session, agency_id, member_id)
    return member


async def free_hands(session: AsyncSession, agency_id: UUID, member_id: UUID) -> int:
    """Give everything in hand, and all that is kept for this member, back to the pool; how much was in hand."""
    freed = (await session.scalars(_FREE_ALL, {"agency_id": agency_id, "member_id": member_id})).all()
    await drop_reservations(session, agency_id, member_id)
    return len(freed)


async def free_unserved(session: AsyncSession, agency_id: UUID, member_id: UUID) -> None:
    """Give back, and keep for this member no longer, what is of clients they do not serve any more."""
    for statement in (_FREE_UNSERVED, _UNRESERVE_UNSERVED):
        await session.execute(statement, {"agency_id": agency_id, "member_id": member_id})
