"""What an owner, or the client's engineer, may do about an endpoint."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import close_alarms
from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.delivery.health import SOUND
from veilleur.domain.delivery.redrive import require_live
from veilleur.domain.delivery.watch import keep_health
from veilleur.domain.outbox.announce import Announcement, announce
from veilleur.domain.outbox.endpoints import Reason, retire_endpoint, revive_endpoint
from veilleur.domain.outbox.models import Endpoint
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import Forbidden
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


async def change_endpoint(
    session: AsyncSession, endpoint: Endpoint, changes: Mapping[str, Any], actor: str, reason: Reason
) -> None:
    """Set what `changes` names: columns, and `state`, which is `enabled` or `disabled` for `reason`.

    Another URL is another receiver: what the old one did is forgotten. It is checked by the caller.
    """
    columns = {name: value for name, value in changes.items() if name != "state"}
    for name, value in columns.items():
        setattr(endpoint, name, value)
    if "url" in columns:
        await _forget(session, endpoint)
    if columns:
        await session.flush()
        deed = Deed(
            actor, "endpoint.changed", show_id("end", endpoint.id), endpoint.client_id, {"fields": sorted(columns)}
        )
        await record_deeds(session, endpoint.agency_id, [deed])
    if changes.get("state") == "disabled":
        await retire_endpoint(session, endpoint, actor, reason)
    if changes.get("state") == "enabled" and endpoint.disabled_at is not None:
        if reason == "client" and endpoint.disabled_reason == "owner":
            raise Forbidden(msg("The agency has disabled this endpoint; ask there to have it enabled"))
        await revive_endpoint(session, endpoint, actor)
        await _forget(session, endpoint)
    await hint_work(session, endpoint.agency_id, "delivery")


async def ping_endpoint_once(session: AsyncSession, endpoint: Endpoint) -> UUID:
    """A `ping` to this endpoint alone; the id of its delivery."""
    require_live(endpoint)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    data = {"endpoint": show_id("end", endpoint.id)}
    ping = Announcement(endpoint.client_id, "ping", data, present, endpoint_id=endpoint.id)
    return (await announce(session, endpoint.agency_id, [ping]))[0]


async def _forget(session: AsyncSession, endpoint: Endpoint) -> None:
    """Its health, and the alarm about it."""
    endpoint.paid_until = None
    await keep_health(session, endpoint, SOUND)
    subject = show_id("end", endpoint.id)
    await close_alarms(session, endpoint.agency_id, "endpoint.failing", [subject], endpoint.client_id)
