"""Doing once more what a platform refused or what was given up, when somebody has mended the cause."""

from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.delivery.models import ActionState, PlatformAction, SourceActor
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

AGAIN = frozenset({ActionState.REFUSED, ActionState.DEAD, ActionState.CANCELLED})

_STANDS = text("SELECT reversed_by IS NULL FROM decisions WHERE agency_id = :agency_id AND id = :id")


async def redo_action(session: AsyncSession, agency_id: UUID, action_id: UUID, by: str) -> PlatformAction:
    """Order it again, at once. `Conflict` when it is done or under way, can't be done, or is no longer wanted."""
    query = select(PlatformAction).where(PlatformAction.agency_id == agency_id, PlatformAction.id == action_id)
    action = (await session.scalars(query.with_for_update())).one_or_none()
    if action is None:
        raise NotFound(msg("There is no {id} here", id=show_id("pac", action_id)))
    actor = await session.get(SourceActor, (agency_id, action.source_id))
    acted_on = actor is not None and actor.mode != "callback" and actor.platform == action.platform
    stands = (await session.execute(_STANDS, {"agency_id": agency_id, "id": action.decision_id})).scalar_one()
    if action.state not in AGAIN or action.operation is None or not (acted_on and stands):
        raise Conflict(msg("This action can't be done again"), slug="not-redoable")
    action.state, action.reason, action.attempts, action.withdrawn = ActionState.PENDING, None, 0, False
    action.due_at = (await session.execute(select(func.app_now()))).scalar_one()
    action.finished_at = action.begun_at = None
    await session.flush()
    await hint_work(session, agency_id, "action")
    deed = Deed(by, "action.redone", show_id("pac", action.id), action.client_id, {"operation": action.operation})
    await record_deeds(session, agency_id, [deed])
    return action
