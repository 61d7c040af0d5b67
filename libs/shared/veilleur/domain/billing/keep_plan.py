"""Keeping a version of a rate plan, for good."""

from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.billing.models import RatePlanVersion
from veilleur.domain.billing.plan import read_plan
from veilleur.domain.billing.queries import find_rate_plan
from veilleur.kernel.errors import Conflict, InputError
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


async def keep_rate_plan(
    session: AsyncSession, agency_id: UUID, document: dict[str, Any], member_id: UUID
) -> RatePlanVersion:
    """`Invalid` names all mistakes; `Conflict` says that the version exists: versions never change."""
    plan = read_plan(document)
    values = {
        "agency_id": agency_id, "id": new_id(), "code": plan.code, "version": plan.version, "document": document,
        "created_by": member_id,
    }  # fmt: skip
    added = insert(RatePlanVersion).values(**values).on_conflict_do_nothing().returning(RatePlanVersion.id)
    if (await session.execute(added)).scalar_one_or_none() is None:
        await _refuse(session, agency_id, plan.code, plan.version)
    kept = await find_rate_plan(session, agency_id, plan.code, plan.version)
    if kept is None:
        raise AssertionError
    details = {"code": plan.code, "version": plan.version}
    deed = Deed(show_id("mem", member_id), "rate_plan.created", show_id("rpl", kept.id), details=details)
    await record_deeds(session, agency_id, [deed])
    return kept


async def _refuse(session: AsyncSession, agency_id: UUID, code: str, version: int) -> None:
    newest = select(func.max(RatePlanVersion.version)).where(
        RatePlanVersion.agency_id == agency_id, RatePlanVersion.code == code
    )
    following = (await session.execute(newest)).scalar_one() + 1
    taken = InputError("/version", msg("is taken"), msg("the next one is {version}", version=following))
    raise Conflict(
        msg("Version {version} of {code} exists and never changes", version=version, code=code),
        slug="version-taken",
        errors=[taken],
    )
