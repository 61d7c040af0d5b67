"""Putting other terms in force for a client: a policy's next version, and what becomes of clocks that run already."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.audit.record import Deed, record_deeds
from veilleur.domain.sla.calendar_preview import read_instant
from veilleur.domain.sla.mistakes import Mistakes
from veilleur.domain.sla.models import SlaPolicyVersion, SlaRetarget
from veilleur.domain.sla.terms import load_terms
from veilleur.infra.worklist import hint_work
from veilleur.kernel.errors import NotFound
from veilleur.kernel.ids import new_id, show_id
from veilleur.kernel.messages import msg


@dataclass(frozen=True, slots=True)
class Application:
    """Which open clocks count by new terms: none, all, or those that started from an instant on."""

    to: Literal["new_only", "open", "open_since"] = "new_only"
    since: datetime | None = None


def read_application(to: Literal["new_only", "open", "open_since"], since: object, mistakes: Mistakes) -> Application:
    """As an owner asks for it: `open_since` needs its instant, the others have none."""
    if (to == "open_since") == (since is not None):
        return Application(to, None if since is None else read_instant(since, "/open_since", mistakes))
    hint = msg("give it exactly when apply_to is open_since")
    mistakes.add("/open_since", msg("is the instant from which on open clocks count by the new terms"), hint)
    return Application()


@dataclass(frozen=True, slots=True)
class NewPolicy:
    """A policy as `read_policy` gave it."""

    client_id: UUID
    document: dict[str, Any]
    note: str
    author: str


async def adopt_policy(
    session: AsyncSession, agency_id: UUID, new: NewPolicy, application: Application
) -> SlaPolicyVersion:
    """Keep a policy as the client's next version, in force for every clock that starts from now on."""
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"sla|{new.client_id}"}
    )
    last = select(func.coalesce(func.max(SlaPolicyVersion.version), 0)).where(
        SlaPolicyVersion.agency_id == agency_id, SlaPolicyVersion.client_id == new.client_id
    )
    version = SlaPolicyVersion(
        agency_id=agency_id,
        id=new_id(),
        client_id=new.client_id,
        version=(await session.execute(last)).scalar_one() + 1,
        document=new.document,
        note=new.note,
        author=new.author,
    )
    session.add(version)
    await session.flush()
    await session.refresh(version)
    details = {"version": version.version, "apply_to": application.to}
    deed = Deed(new.author, "sla_policy.adopted", show_id("sla", version.id), new.client_id, details)
    await record_deeds(session, agency_id, [deed])
    await apply_terms(session, agency_id, new.client_id, "policy", new.author, application)
    return version


async def apply_terms(
    session: AsyncSession,
    agency_id: UUID,
    client_id: UUID,
    reason: Literal["policy", "calendar"],
    actor: str,
    application: Application,
) -> None:
    """Leave it to the worker to retarget the open clocks that the change applies to."""
    if application.to == "new_only":
        return
    terms = (await load_terms(session, agency_id, [client_id]))[client_id]
    session.add(
        SlaRetarget(
            agency_id=agency_id,
            id=new_id(),
            client_id=client_id,
            policy_id=terms.policy_id,
            calendar_id=terms.calendar_id,
            reason=reason,
            actor=actor,
            since=application.since,
        )
    )
    await session.flush()
    await hint_work(session, agency_id, "retarget")


async def find_policy(session: AsyncSession, agency_id: UUID, client_id: UUID, number: int) -> SlaPolicyVersion:
    """A version of a client's policy; `NotFound` where there is none."""
    query = select(SlaPolicyVersion).where(
        SlaPolicyVersion.agency_id == agency_id,
        SlaPolicyVersion.client_id == client_id,
        SlaPolicyVersion.version == number,
    )
    version = (await session.scalars(query)).one_or_none()
    if version is None:
        raise NotFound(msg("This client has no SLA policy version {version}", version=number))
    return version


async def list_retargets(session: AsyncSession, agency_id: UUID, client_id: UUID, policy_id: UUID) -> list[SlaRetarget]:
    """What became of the open clocks when this version came, the latest first."""
    query = select(SlaRetarget).where(
        SlaRetarget.agency_id == agency_id, SlaRetarget.client_id == client_id, SlaRetarget.policy_id == policy_id
    )
    return list(await session.scalars(query.order_by(SlaRetarget.id.desc()).limit(20)))
