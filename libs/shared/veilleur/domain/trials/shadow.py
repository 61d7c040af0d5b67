"""A version beside the one in force: asked about every item, never acting."""

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.publish import find_version, lock_versions
from veilleur.domain.screening.authoring import check_version
from veilleur.domain.tenancy.models import Client
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


async def start_shadow(session: AsyncSession, client: Client, number: int, actor: str) -> RuleSetVersion:
    """Run a version in shadow from now on; `Conflict` while another one does, or for the one in force."""
    await lock_versions(session, client.id)
    version = await find_version(session, client.agency_id, client.id, number)
    if is_in_shadow(version):
        return version
    if version.state == "published":
        raise Conflict(msg("Version {version} is in force: it casts no shadow of its own", version=number))
    other = await _find_shadow(session, client)
    if other is not None:
        raise Conflict(
            msg("Version {version} runs in shadow already; stop it first", version=other.version), slug="shadow-taken"
        )
    await check_version(session, version)
    version.shadow_since = (await session.execute(select(func.app_now()))).scalar_one()
    version.shadow_until = None
    await session.flush()
    await _record(session, client, number, actor, "rule_set.shadow_started")
    return version


async def stop_shadow(session: AsyncSession, client: Client, number: int, actor: str) -> RuleSetVersion:
    """End it; what it answered stays to be looked at. Stopping what has stopped changes nothing."""
    await lock_versions(session, client.id)
    version = await find_version(session, client.agency_id, client.id, number)
    if is_in_shadow(version):
        await session.execute(
            update(RuleSetVersion)
            .where(RuleSetVersion.agency_id == client.agency_id, RuleSetVersion.id == version.id)
            .values(shadow_until=func.app_now())
        )
        await session.refresh(version)
        await _record(session, client, number, actor, "rule_set.shadow_stopped")
    return version


def is_in_shadow(version: RuleSetVersion) -> bool:
    return version.shadow_since is not None and version.shadow_until is None


async def _find_shadow(session: AsyncSession, client: Client) -> RuleSetVersion | None:
    table = RuleSetVersion
    query = select(table).where(table.agency_id == client.agency_id, table.client_id == client.id)
    running = query.where(table.shadow_since.is_not(None), table.shadow_until.is_(None))
    return (await session.scalars(running)).one_or_none()


async def _record(session: AsyncSession, client: Client, number: int, actor: str, action: str) -> None:
    deed = Deed(actor, action, show_id("cli", client.id), client.id, {"version": number})
    await record_deeds(session, client.agency_id, [deed])
