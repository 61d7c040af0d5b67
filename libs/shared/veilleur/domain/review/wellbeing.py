"""A member's limits and what they have been exposed to: read at the claim, written with what was looked at."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.catalogue.models import Policy
from veilleur.domain.intake.models import Report
from veilleur.domain.review.care import LOOKED_BACK, Bearable, Exposure, Limits, Scale, find_bearable, list_suspected
from veilleur.domain.review.models import CareSetting, Case, ExposureRecord
from veilleur.domain.tenancy.models import Client
from veilleur.infra.db.bulk import insert_rows
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.ids import show_id
from veilleur.kernel.messages import msg

MOST_NAMED = 200
LIMIT_NAMES = tuple(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True)
class Care:
    """What holds for one member: the agency's limits with the member's own over them, and personal choices."""

    limits: Limits
    blur: bool = True
    opt_outs: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class CareChange:
    """What somebody sets; None leaves it as it is, no limits at all are those that hold above."""

    limits: Mapping[str, int | None] | None = None
    blur: bool | None = None
    opt_outs: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Look:
    """What somebody looked at: to decide it (with the policies found), or in full view."""

    kind: Literal["decision", "view"]
    scale: Scale
    policies: Collection[str] = ()
    seconds: int = 0


async def load_care(session: AsyncSession, agency_id: UUID, member_ids: Collection[UUID]) -> dict[UUID, Care]:
    """In one statement. Without settings of one's own the agency's hold; failing those, no limits and a blur."""
    query = select(CareSetting).where(
        CareSetting.agency_id == agency_id,
        or_(CareSetting.member_id.is_(None), CareSetting.member_id.in_(member_ids)),
    )
    settings = {setting.member_id: setting for setting in await session.scalars(query)}
    common = _read(Care(Limits()), settings.get(None))
    return {member_id: _read(common, settings.get(member_id)) for member_id in member_ids}


async def load_bearable(session: AsyncSession, agency_id: UUID, member_id: UUID, present: datetime) -> Bearable:
    """What this member may be handed now; exposures are looked at only where something is limited."""
    care = (await load_care(session, agency_id, [member_id]))[member_id]
    limited = care.limits.caps_severe or care.limits.break_after_min is not None
    exposures = await load_exposures(session, agency_id, member_id, present) if limited else []
    return find_bearable(care.limits, exposures, care.opt_outs, present)


async def load_exposures(session: AsyncSession, agency_id: UUID, member_id: UUID, present: datetime) -> list[Exposure]:
    """A day back, newest first."""
    query = select(ExposureRecord.at, ExposureRecord.severity, ExposureRecord.seconds).where(
        ExposureRecord.agency_id == agency_id,
        ExposureRecord.member_id == member_id,
        ExposureRecord.at > present - LOOKED_BACK,
    )
    return [Exposure(*row) for row in await session.execute(query.order_by(ExposureRecord.at.desc()))]


async def load_scales(
    session: AsyncSession, agency_id: UUID, client_ids: Collection[UUID] | None = None
) -> dict[UUID, Scale]:
    """How hard to look at the content of each client may be (None: of all)."""
    clients = select(Client.id, Client.default_severity).where(Client.agency_id == agency_id)
    policies = select(Policy.client_id, Policy.code, Policy.severity).where(Policy.agency_id == agency_id)
    if client_ids is not None:
        clients, policies = clients.where(Client.id.in_(client_ids)), policies.where(Policy.client_id.in_(client_ids))
    severities: dict[UUID, dict[str, int]] = {}
    for row in await session.execute(policies):
        severities.setdefault(row.client_id, {})[row.code] = row.severity
    return {row.id: Scale(severities.get(row.id, {}), row.default_severity) for row in await session.execute(clients)}


async def record_exposure(session: AsyncSession, case: Case, member_id: UUID, look: Look) -> None:
    """Note that somebody has looked at an item: in the transaction of the decision, or of the view."""
    reports = select(Report.reason).where(Report.agency_id == case.agency_id, Report.item_id == case.item_id)
    reported = await session.scalars(reports)
    row = {
        "client_id": case.client_id,
        "case_id": case.id,
        "item_id": case.item_id,
        "member_id": member_id,
        "kind": look.kind,
        "severity": look.scale.rate([*list_suspected(case.why, reported), *look.policies]),
        "seconds": look.seconds,
    }
    await insert_rows(session, ExposureRecord, [row], shared={"agency_id": case.agency_id})


async def check_opt_outs(
    session: AsyncSession, agency_id: UUID, opt_outs: Collection[str], serves: Collection[UUID] | None = None
) -> None:
    """`Invalid`, with what is allowed, for a code that is no policy of these clients (None: of any)."""
    if not opt_outs:
        return
    query = select(Policy.code).where(Policy.agency_id == agency_id).distinct()
    if serves is not None:
        query = query.where(Policy.client_id.in_(serves))
    known = sorted(await session.scalars(query))
    hint = msg("allowed: {codes}", codes=known[:MOST_NAMED])
    errors = [
        InputError(f"/opt_outs/{place}", msg("there is no such policy"), hint)
        for place, code in enumerate(opt_outs)
        if code not in known
    ]
    if errors:
        raise Invalid(msg("These opt-outs can't be kept"), errors=errors)


async def change_care(
    session: AsyncSession, agency_id: UUID, member_id: UUID | None, change: CareChange, actor: str
) -> Care:
    """Set limits or choices of a member, or the limits of all (`member_id` None); every change is in the trail."""
    mine = (CareSetting.agency_id == agency_id, CareSetting.member_id.is_not_distinct_from(member_id))
    values: dict[str, Any] = {}
    if change.limits is not None:
        values["limits"] = dict(change.limits)
    if change.blur is not None:
        values["blur"] = change.blur
    if change.opt_outs is not None:
        values["opt_outs"] = sorted(set(change.opt_outs))
    first: dict[str, Any] = {"agency_id": agency_id, "member_id": member_id, "limits": {}, "opt_outs": []}
    await session.execute(upsert(CareSetting).values(first).on_conflict_do_nothing())
    setting = (await session.scalars(select(CareSetting).where(*mine).with_for_update())).one()
    for name, value in values.items():
        setattr(setting, name, value)
    setting.changed_at = (await session.execute(select(func.app_now()))).scalar_one()
    await session.flush()
    subject = show_id("mem", member_id) if member_id else show_id("agc", agency_id)
    await record_deeds(session, agency_id, [Deed(actor, "care.changed", subject, details=values)])
    care = await load_care(session, agency_id, [member_id] if member_id else [agency_id])
    return care[member_id or agency_id]


def _read(common: Care, setting: CareSetting | None) -> Care:
    if setting is None:
        return common
    limits = {name: value for name, value in setting.limits.items() if name in LIMIT_NAMES}
    blur = common.blur if setting.blur is None else setting.blur
    return Care(replace(common.limits, **limits), blur, common.opt_outs | frozenset(setting.opt_outs))
