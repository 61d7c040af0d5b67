"""The life of a rule set: saved as an immutable version, then published; at most one is published."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.rules.lists import list_shared_codes
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.kernel.errors import Conflict, NotFound
from veilleur.kernel.ids import new_id
from veilleur.kernel.messages import msg


async def lock_versions(session: AsyncSession, client_id: UUID) -> None:
    """One change of a client's versions at a time, to the end of the transaction."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"rules|{client_id}"}
    )


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
    await lock_versions(session, client_id)
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
        lists=sorted(list_shared_codes(document)),
        note=note,
        state="draft",
        author=author,
    )
    session.add(version)
    await session.flush()
    await session.refresh(version)
    return version


async def hold_version(session: AsyncSession, draft: RuleSetVersion, actor: str, blast: dict[str, Any]) -> None:
    """Let a version wait for a second person."""
    _refuse_retired(draft)
    draft.state = "pending"
    draft.requested_by = actor
    draft.requested_at = (await session.execute(select(func.app_now()))).scalar_one()
    draft.blast = blast
    await session.flush()


async def publish_version(
    session: AsyncSession, version: RuleSetVersion, actor: str, approver: str | None = None
) -> RuleSetVersion:
    """Make a version the one that screens from now on; publishing the published one changes nothing."""
    await lock_versions(session, version.client_id)
    await session.refresh(version)
    if version.state == "published":
        return version
    _refuse_retired(version)
    present = (await session.execute(select(func.app_now()))).scalar_one()
    await session.execute(
        update(RuleSetVersion)
        .where(
            RuleSetVersion.agency_id == version.agency_id,
            RuleSetVersion.client_id == version.client_id,
            RuleSetVersion.state == "published",
        )
        .values(state="retired", retired_at=present)
    )
    version.state = "published"
    version.published_at = present
    version.published_by, version.approved_by = actor, approver
    if version.shadow_since is not None and version.shadow_until is None:
        version.shadow_until = present
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


def _refuse_retired(version: RuleSetVersion) -> None:
    if version.state == "retired":
        raise Conflict(
            msg("Version {version} was retired; save it again as a new version, or roll back to it",
                version=version.version)
        )  # fmt: skip
