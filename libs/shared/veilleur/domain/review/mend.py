"""Changed minds: a moderator corrects an own decision, a lead anybody's, and the client has the last word.

The old decision stays as it was made; `decisions.reverse` writes the new one beside it. Neither is billed again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.catalogue.queries import load_catalogue
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.policy import Ruling, check_ruling
from veilleur.domain.decisions.reverse import Reversal, reverse_decisions
from veilleur.domain.intake.models import Item
from veilleur.domain.tenancy.members import require_service
from veilleur.kernel.errors import Forbidden, Invalid, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

OWN_FOR = timedelta(minutes=15)
"""So long a moderator may correct an own decision; a lead always may."""
LEADS = frozenset({"lead", "owner"})


@dataclass(frozen=True, slots=True)
class Mending:
    """What shall stand instead, and why: the reason stays inside the agency.

    `as_lead`: who asks may correct anybody. A log-in may leave a lead less than all roles, so the caller says it.
    """

    ruling: Ruling
    reason: str
    as_lead: bool = False


async def correct_decision(
    session: AsyncSession, agency_id: UUID, member_id: UUID, decision_id: UUID, mending: Mending
) -> Decision:
    """Replace a decision of a client this member serves; `Forbidden` when that is a lead's by now."""
    decision = await _find(session, agency_id, decision_id)
    await require_service(session, agency_id, member_id, decision.client_id)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    if not (mending.as_lead or may_correct_own(member_id, decision, present)):
        raise Forbidden(msg("This decision is a lead's to correct"), slug="lead-only")
    return await _replace(session, decision, mending, present, member_id)


def may_correct_own(member_id: UUID, decision: Decision, present: datetime) -> bool:
    """For a quarter of an hour; pure."""
    return decision.member_id == member_id and present - decision.made_at <= OWN_FOR


async def overrule_decision(
    session: AsyncSession, agency_id: UUID, client_id: UUID, decision_id: UUID, mending: Mending
) -> Decision:
    """The client's own word. What was done stays to be paid, and is flagged."""
    decision = await _find(session, agency_id, decision_id)
    if decision.client_id != client_id:
        raise _unknown(decision_id)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    return await _replace(session, decision, mending, present, None)


async def _replace(
    session: AsyncSession, decision: Decision, mending: Mending, present: datetime, member_id: UUID | None
) -> Decision:
    catalogue = await load_catalogue(session, decision.agency_id, decision.client_id)
    errors = check_ruling(mending.ruling, catalogue, present)
    if errors:
        raise Invalid(msg("The decision does not fit this client's catalogue"), slug="not-in-catalogue", errors=errors)
    reversal = Reversal(
        item=await session.get_one(Item, (decision.agency_id, decision.item_id)),
        decision=decision,
        ruling=mending.ruling,
        cause="client" if member_id is None else "correction",
        member_id=member_id,
        note=mending.reason,
        billable=False,
    )
    [made] = await reverse_decisions(session, decision.agency_id, [reversal], present)
    return made


async def _find(session: AsyncSession, agency_id: UUID, decision_id: UUID) -> Decision:
    decision = await session.get(Decision, (agency_id, decision_id))
    if decision is None:
        raise _unknown(decision_id)
    return decision


def _unknown(decision_id: UUID) -> NotFound:
    return NotFound(msg("There is no {id} here", id=show_id("dec", decision_id)))
