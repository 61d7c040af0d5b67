"""Looking into an agency in an emergency: the operator says why, for an hour at most, and the agency sees everything.

The operator's key opens no agency. A grant is a row of the agency's own, which its owner sees and can end; its
endpoints are told when one is made; every request made with it is in the agency's trail before it is answered; and it
reads, it never changes anything.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.models import Alarm
from veilleur.domain.alarms.record import AlarmKind, Trouble, close_alarms, raise_alarm
from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.tenancy.identity_models import BreakGlassGrant
from veilleur.domain.tenancy.models import Agency
from veilleur.infra.worklist import hint_work
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg

LONGEST = timedelta(minutes=60)
OPERATOR = "operator"
OPENED: AlarmKind = "break_glass.opened"


@dataclass(frozen=True, slots=True)
class Look:
    """One request of the operator: what was asked, never what came of it."""

    operation: str
    path: str


async def break_glass(session: AsyncSession, agency_id: UUID, reason: str, lifetime: timedelta) -> BreakGlassGrant:
    """Grant the operator a look; an unknown agency is `NotFound`."""
    if await session.get(Agency, agency_id) is None:
        raise NotFound(msg("There is no {id} here", id=show_id("agc", agency_id)))
    present = (await session.execute(select(func.app_now()))).scalar_one()
    grant = BreakGlassGrant(
        agency_id=agency_id,
        id=new_id(),
        reason=reason,
        granted_at=present,
        expires_at=present + min(lifetime, LONGEST),
    )
    session.add(grant)
    await session.flush()
    details = {"minutes": int(lifetime.total_seconds() // 60)}
    await record_deeds(session, agency_id, [Deed(OPERATOR, "break_glass.granted", _show(grant), None, details)])
    figures = {"reason": reason, "expires_at": to_rfc3339(grant.expires_at)}
    await raise_alarm(session, agency_id, Trouble(OPENED, _show(grant), None, figures))
    await hint_work(session, agency_id, "watch", due_at=grant.expires_at)
    return grant


async def note_look(session: AsyncSession, agency_id: UUID, grant_id: UUID, look: Look) -> bool:
    """Write a request of the operator into the trail; False, and nothing written, when the grant is over."""
    live = select(BreakGlassGrant).where(
        BreakGlassGrant.agency_id == agency_id,
        BreakGlassGrant.id == grant_id,
        BreakGlassGrant.ended_at.is_(None),
        BreakGlassGrant.expires_at > func.app_now(),
    )
    grant = (await session.scalars(live)).one_or_none()
    if grant is None:
        return False
    details = {"operation": look.operation, "path": look.path}
    await record_deeds(session, agency_id, [Deed(OPERATOR, "break_glass.read", _show(grant), None, details)])
    return True


async def end_break_glass(session: AsyncSession, agency_id: UUID, grant_id: UUID, actor: str) -> BreakGlassGrant:
    """End a grant now; ending it again changes nothing."""
    found = select(BreakGlassGrant).where(BreakGlassGrant.agency_id == agency_id, BreakGlassGrant.id == grant_id)
    grant = (await session.scalars(found.with_for_update())).one_or_none()
    if grant is None:
        raise NotFound(msg("There is no {id} here", id=show_id("bgl", grant_id)))
    if grant.ended_at is None:
        grant.ended_at = (await session.execute(select(func.app_now()))).scalar_one()
        grant.ended_by = actor
        await session.flush()
        await record_deeds(session, agency_id, [Deed(actor, "break_glass.ended", _show(grant))])
        await close_alarms(session, agency_id, OPENED, [_show(grant)])
    return grant


async def close_ended_looks(session: AsyncSession, agency_id: UUID) -> None:
    """Close the alarms of grants whose hour is over. They say so themselves: workers do not read grants."""
    over = cast(Alarm.figures["expires_at"].astext, DateTime(timezone=True)) <= func.app_now()
    query = select(Alarm.subject).where(
        Alarm.agency_id == agency_id, Alarm.kind == OPENED, Alarm.closed_at.is_(None), over
    )
    await close_alarms(session, agency_id, OPENED, list(await session.scalars(query)))


def describe_grant(grant: BreakGlassGrant) -> dict[str, Any]:
    return {
        "id": _show(grant),
        "reason": grant.reason,
        "granted_at": grant.granted_at,
        "expires_at": grant.expires_at,
        "ended_at": grant.ended_at,
        "ended_by": grant.ended_by,
    }


def _show(grant: BreakGlassGrant) -> str:
    return show_id("bgl", grant.id)
