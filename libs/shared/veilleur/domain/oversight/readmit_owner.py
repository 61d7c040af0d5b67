"""An owner who lost the way in gets a code from the operator, and the whole agency hears of it.

Whoever has the code acts as that owner: the trail says why it was given, and the agency's endpoints are told in the
same transaction.
"""

from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.oversight.break_glass import OPERATOR
from veilleur.domain.tenancy.members import issue_login_code
from veilleur.domain.tenancy.models import LoginCode, Member
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


async def readmit_owner(session: AsyncSession, agency_id: UUID, email: str, reason: str) -> tuple[str, LoginCode]:
    """A one-time code for an active owner of that address; `NotFound` for anybody else."""
    query = select(Member).where(
        Member.agency_id == agency_id,
        func.lower(Member.email) == email.lower(),
        Member.roles.contains(["owner"]),
        Member.disabled_at.is_(None),
    )
    owner = (await session.scalars(query)).one_or_none()
    if owner is None:
        raise NotFound(msg("No active owner of this agency has the address {email}", email=email))
    code, row = await issue_login_code(session, agency_id, owner.id, OPERATOR)
    subject = show_id("mem", owner.id)
    await record_deeds(session, agency_id, [Deed(OPERATOR, "owner.readmitted", subject, None, {"reason": reason})])
    figures = {"reason": reason, "expires_at": to_rfc3339(row.expires_at)}
    present = (await session.execute(select(func.app_now()))).scalar_one()
    told = Announcement(None, "owner.readmitted", {"subject": subject, "figures": figures}, present)
    await announce(session, agency_id, [told])
    return code, row
