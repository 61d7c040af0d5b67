"""The emergency exit: an earlier version in force again, in one call and without a guard.

It comes back as a new version with the old document, so that history only grows and every decision names the version
that was in force when it was made.
"""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.rules.models import RuleSetVersion
from veilleur.domain.rules.publish import find_version, lock_versions, save_version
from veilleur.domain.rules.queries import find_published
from veilleur.domain.screening.authoring import put_in_force, require_lists
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg


async def roll_back(
    session: AsyncSession, agency_id: UUID, client_id: UUID, to: int | None, reason: str, actor: str
) -> RuleSetVersion:
    """Put version `to`, or the one before the present, in force again; `Conflict` where there is none.

    Rolled back twice it goes two versions back: what was left once is not returned to by itself.
    """
    await lock_versions(session, client_id)
    present = await find_published(session, agency_id, client_id)
    if to is None:
        wanted = await _find_before(session, agency_id, client_id)
    else:
        wanted = await _find_named(session, agency_id, client_id, to, present)
    restored = await save_version(session, agency_id, client_id, wanted.document, wanted.digest, reason, actor)
    restored.restores = wanted.version if wanted.restores is None else wanted.restores
    await session.flush()
    await require_lists(session, restored)
    await put_in_force(session, restored, actor)
    details = {"from": present, "to": wanted.version, "version": restored.version}
    deed = Deed(actor, "rule_set.rolled_back", show_id("cli", client_id), client_id, details)
    await record_deeds(session, agency_id, [deed])
    return restored


def step_back(timeline: Sequence[tuple[int, int | None]]) -> int | None:
    """The version to return to, from `(version, restores)` in the order they came in force; pure.

    A rollback takes off what came after the version it restores, as undoing does.
    """
    stack: list[int] = []
    for version, restores in timeline:
        if restores is not None and restores in stack:
            del stack[stack.index(restores) + 1 :]
        else:
            stack.append(version if restores is None else restores)
    return stack[-2] if len(stack) > 1 else None


async def _find_named(
    session: AsyncSession, agency_id: UUID, client_id: UUID, number: int, present: int | None
) -> RuleSetVersion:
    wanted = await find_version(session, agency_id, client_id, number)
    if wanted.version == present:
        raise Conflict(msg("Version {version} is in force", version=number), slug="nothing-to-roll-back")
    if wanted.published_at is None:
        raise Conflict(
            msg("Version {version} was never in force; publish it instead", version=number), slug="never-published"
        )
    return wanted


async def _find_before(session: AsyncSession, agency_id: UUID, client_id: UUID) -> RuleSetVersion:
    table = RuleSetVersion
    rows = await session.execute(
        select(table.version, table.restores)
        .where(table.agency_id == agency_id, table.client_id == client_id, table.published_at.is_not(None))
        .order_by(table.published_at, table.version)
    )
    before = step_back([(row.version, row.restores) for row in rows])
    if before is None:
        raise Conflict(
            msg("There is no earlier version to go back to; switch the automation off instead"),
            slug="nothing-to-roll-back",
        )
    return await find_version(session, agency_id, client_id, before)
