"""A moderator calls off what a decision would do on the platform, while it is held back."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.decisions.models import Decision
from veilleur.domain.delivery.call_off import cancel_actions
from veilleur.domain.delivery.models import PlatformAction
from veilleur.domain.tenancy.members import require_service
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


async def stop_actions(
    session: AsyncSession, agency_id: UUID, member_id: UUID, decision_id: UUID
) -> Sequence[PlatformAction]:
    """All actions of a decision about a client this member serves, those that had not begun cancelled."""
    decision = await session.get(Decision, (agency_id, decision_id))
    if decision is None:
        raise NotFound(msg("There is no {id} here", id=show_id("dec", decision_id)))
    await require_service(session, agency_id, member_id, decision.client_id)
    by = show_id("mem", member_id)
    return await cancel_actions(session, agency_id, decision_id, decision.client_id, by)
