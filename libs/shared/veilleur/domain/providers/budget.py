"""Counting calls when they begin, so that no budget is overdrawn however many ask at once."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.providers.models import Provider

_OPEN = text("""
INSERT INTO provider_calls (agency_id, provider_id, client_id, day, calls, failures, cached, refused)
VALUES (:agency_id, :provider_id, :client_id, (app_now() AT TIME ZONE 'UTC')::date, 0, 0, 0, 0)
ON CONFLICT DO NOTHING
""")
_MINE = """
agency_id = :agency_id AND provider_id = :provider_id AND client_id = :client_id
AND day = (app_now() AT TIME ZONE 'UTC')::date
"""
_LOCK = text(f"SELECT calls FROM provider_calls WHERE {_MINE} FOR UPDATE")
_COUNT = text(
    "UPDATE provider_calls SET calls = calls + :granted, refused = refused + :refused, cached = cached + :cached"
    f" WHERE {_MINE}"
)


async def claim_calls(session: AsyncSession, provider: Provider, client_id: UUID, counted: tuple[int, int, int]) -> int:
    """How many of the calls may be made today (UTC); `counted`: permitted, wanted, and texts known without a call."""
    permitted, wanted, cached = counted
    mine = {"agency_id": provider.agency_id, "provider_id": provider.id, "client_id": client_id}
    await session.execute(_OPEN, mine)
    calls = (await session.execute(_LOCK, mine)).scalar_one()
    left = permitted if provider.daily_budget is None else max(provider.daily_budget - calls, 0)
    granted = min(permitted, left)
    await session.execute(_COUNT, mine | {"granted": granted, "refused": wanted - granted, "cached": cached})
    return granted
