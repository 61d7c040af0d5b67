"""Changing the key that tokens are signed with, without refusing anybody."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.tenancy.issuer import new_signing_key
from veilleur.domain.tenancy.models import IssuerKey
from veilleur.infra.security.sealing import Sealer

AHEAD = timedelta(minutes=10)
"""Longer than anybody keeps our published keys (`max-age` of the JWKS)."""
OVERLAP = timedelta(hours=25)
"""Longer than any token lives."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """`ahead`: how long the new key is published before it signs; `overlap`: how long the old ones are good after."""

    ahead: timedelta = AHEAD
    overlap: timedelta = OVERLAP


AT_ONCE = Rotation(timedelta(0), timedelta(0))
"""For a key that leaked: whatever it signed is refused within five seconds, and everybody logs in again."""


async def rotate_signing_key(session: AsyncSession, sealer: Sealer, rotation: Rotation) -> str:
    """Add a key and let those that stand end; the `kid` of the new one."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    signs_from = present + rotation.ahead
    ends = signs_from + rotation.overlap
    await session.execute(
        update(IssuerKey)
        .where(or_(IssuerKey.retired_at.is_(None), IssuerKey.retired_at > ends))
        .values(retired_at=ends)
    )
    values = new_signing_key(sealer)
    await session.execute(insert(IssuerKey).values(values | {"created_at": present, "signs_from": signs_from}))
    kid: str = values["kid"]
    return kid
