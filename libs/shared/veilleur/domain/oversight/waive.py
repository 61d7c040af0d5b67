"""Waiving a broken promise: it stays in the ledger and counts no more."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.sla.count import take_back
from veilleur.domain.sla.models import Clock
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


async def waive_breach(session: AsyncSession, agency_id: UUID, clock_id: UUID, reason: str, actor: str) -> Clock:
    """Exclude a broken clock; once is enough, and the first reason stands in the audit trail."""
    clock = await session.get(Clock, (agency_id, clock_id), with_for_update={"key_share": True})
    if clock is None:
        raise NotFound(msg("There is no {id} here", id=show_id("clk", clock_id)))
    if clock.excluded == "waived":
        return clock
    if clock.breached_at is None or clock.excluded is not None:
        raise Conflict(msg("There is nothing to waive: nothing that is owed was late"), slug="nothing-to-waive")
    clock.excluded = "waived"
    await session.flush()
    await take_back(session, agency_id, [clock_id], "sla.breached", "waived")
    deed = Deed(actor, "clock.waived", show_id("clk", clock_id), clock.client_id, {"reason": reason})
    await record_deeds(session, agency_id, [deed])
    return clock
