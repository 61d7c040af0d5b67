"""The life of a rule set: saved as an immutable version, then published; at most one is published."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.models import RuleSetVersion
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import new_id
from veilleur.kernel.messages import msg


async def save_version(  # noqa: PLR0917
    session: AsyncSession,
    agency_id: UUID,
    client_id: UUID,
    document: dict[str, Any],
    digest: str,
    note: str,
    author: str,
) -> RuleSetVersion:
    """Keep a checked document as the client's next version, a draft."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"rules|{client_id}"}
    )
    last = select(func.coalesce(func.max(RuleSetVersion.version), 0)).where(
        RuleSetVersion.agency_id == agency_id, RuleSetVersion.client_id == client_id
    )
    version = RuleSetVersion(
        agency_id=agency_id,
        id=new_id(),
        client_id=client_id,
        version=(await session.execute(last)).scalar_one() + 1,
        digest=digest,
        document=document,
        note=note,
        state="draft",
        author=author,
    )
    session.add(version)
    await session.flush()
    await session.refresh(version)
    return version


async def publish_version(session: AsyncSession, agency_id: UUID, client_id: UUID, number: int) -> RuleSetVersion:
    """Make a version the one that screens from now on; publishing the published one changes nothing."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"rules|{client_id}"}
    )
    version = await find_version(session, agency_id, client_id, number)
    if version.state == "published":
        return version
    if version.state == "retired":
        raise Conflict(msg("Version {version} was retired; save it again as a new version", version=number))
    await session.execute(
        update(RuleSetVersion)
        .where(
            RuleSetVersion.agency_id == agency_id,
            RuleSetVersion.client_id == client_id,
            RuleSetVersion.state == "published",
        )
        .values(state="retired")
    )
    version.state = "published"
    version.published_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    return version


async def find_version(session: AsyncSession, agency_id: UUID, client_id: UUID, number: int) -> RuleSetVersion:
    query = select(RuleSetVersion).where(
        RuleSetVersion.agency_id == agency_id,
        RuleSetVersion.client_id == client_id,
        RuleSetVersion.version == number,
    )
    version = (await session.scalars(query)).one_or_none()
    if version is None:
        raise NotFound(msg("This client has no rule set version {version}", version=number))
    return version
