"""Keeping an endpoint's health, and telling of it by other ways than the endpoint itself.

The agency hears by an alarm, the client by its other endpoints and its feed.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import Trouble, close_alarms, raise_alarm
from veilleur.domain.delivery.health import FACTS, Health, find_end, find_warning, is_over, read_health
from veilleur.domain.outbox.endpoints import Reason, retire_endpoint
from veilleur.domain.outbox.models import Endpoint
from veilleur.domain.outbox.notify import Notice, notify_agency
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id

ACTOR = "veilleur"


async def keep_health(session: AsyncSession, endpoint: Endpoint, health: Health) -> None:
    for name in FACTS:
        setattr(endpoint, name, getattr(health, name))
    await session.flush()


async def watch_endpoint(
    session: AsyncSession, endpoint: Endpoint, health: Health, present: datetime, *, gone: bool
) -> bool:
    """Keep what was found, warn where a warning is due, end what is over; whether the endpoint is disabled now."""
    over = is_over(health, present)
    warning = find_warning(health, present)
    if warning is not None:
        health = replace(health, warned=warning, warned_at=present)
    recovered = endpoint.warned > 0 and not health.failures
    await keep_health(session, endpoint, health)
    if gone or over:
        await _disable(session, endpoint, "gone" if gone else "failing", present)
        return True
    if warning is not None:
        await _warn(session, endpoint, present, _figure(health, warning))
    elif recovered:
        await close_alarms(
            session, endpoint.agency_id, "endpoint.failing", [show_id("end", endpoint.id)], endpoint.client_id
        )
    return False


async def _disable(session: AsyncSession, endpoint: Endpoint, reason: Reason, present: datetime) -> None:
    await retire_endpoint(session, endpoint, ACTOR, reason)
    await _warn(session, endpoint, present, _figure(read_health(endpoint), 100) | {"disabled": reason})


async def _warn(session: AsyncSession, endpoint: Endpoint, present: datetime, figures: dict[str, Any]) -> None:
    """An alarm tells of itself once; each further warning is told as well."""
    subject = show_id("end", endpoint.id)
    trouble = Trouble("endpoint.failing", subject, endpoint.client_id, figures)
    if not await raise_alarm(session, endpoint.agency_id, trouble):
        notice = Notice("endpoint.failing", endpoint.client_id, {"subject": subject, "figures": figures}, present)
        await notify_agency(session, endpoint.agency_id, [notice])


def _figure(health: Health, percent: int) -> dict[str, Any]:
    end = find_end(health)
    return {
        "percent": percent,
        "failing_since": None if health.failing_since is None else to_rfc3339(health.failing_since),
        "disables_at": None if end is None else to_rfc3339(end),
        "failures": health.failures,
        "last_error": health.last_error,
    }
