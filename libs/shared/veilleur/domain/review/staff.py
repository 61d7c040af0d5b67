"""The people of the desk as the pure rooms need them: what each can do, whom each serves, who is there."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.models import Absence, Shift
from veilleur.domain.review.needs import Abilities, Needs, QueueTerms, find_fit, primary_language
from veilleur.domain.review.presence import Presence, Status, is_on_duty
from veilleur.domain.sla.calendar import Period, parse_calendar
from veilleur.domain.tenancy.models import Grant, Member

SUPERVISORS = frozenset({"owner", "lead"})
WORKERS = SUPERVISORS | {"moderator"}
"""Roles that work cases at all."""


@dataclass(frozen=True, slots=True)
class Person:
    """One member at one instant."""

    id: UUID
    name: str
    roles: frozenset[str]
    able: Abilities
    presence: Presence

    def is_on_duty(self, present: datetime) -> bool:
        return is_on_duty(self.presence, present)


async def load_person(session: AsyncSession, member: Member) -> tuple[Person, datetime]:
    """A member with grants and presence, and the instant this is true of; one statement."""
    row = (await session.execute(_ONE, {"agency_id": member.agency_id, "member_id": member.id})).one()
    absences = [(start, stop) for start, stop in zip(row.starts or (), row.ends or (), strict=True)]
    return _to_person(member, row.clients, row.shifts or (), absences), row.present


async def load_staff(session: AsyncSession, agency_id: UUID, *, since: datetime | None = None) -> list[Person]:
    """Everybody who works cases and is not disabled, with the absences that end after `since` (None: now).

    One statement each for members, grants, shifts and absences.
    """
    query = select(Member).where(Member.agency_id == agency_id, Member.disabled_at.is_(None))
    members = [member for member in await session.scalars(query.order_by(Member.id)) if WORKERS & set(member.roles)]
    granted: dict[UUID, list[UUID]] = {}
    for row in await session.execute(select(Grant.member_id, Grant.client_id).where(Grant.agency_id == agency_id)):
        granted.setdefault(row.member_id, []).append(row.client_id)
    shifts: dict[UUID, list[dict[str, Any]]] = {}
    for shift in await session.execute(select(Shift.member_id, Shift.document).where(Shift.agency_id == agency_id)):
        shifts.setdefault(shift.member_id, []).append(shift.document)
    away = select(Absence).where(Absence.agency_id == agency_id, Absence.ends_at > (since or func.app_now()))
    absences: dict[UUID, list[Period]] = {}
    for absence in await session.scalars(away):
        absences.setdefault(absence.member_id, []).append((absence.starts_at, absence.ends_at))
    return [
        _to_person(member, granted.get(member.id, ()), shifts.get(member.id, ()), absences.get(member.id, ()))
        for member in members
    ]


def list_fitting(staff: Iterable[Person], client_id: UUID, queue: QueueTerms, needs: Needs) -> list[Person]:
    """Who may decide such a case, sooner or later."""
    return [person for person in staff if find_fit(person.able, client_id, queue, needs) is not None]


_ONE = text("""
SELECT app_now() AS present,
  ARRAY(SELECT client_id FROM grants WHERE agency_id = :agency_id AND member_id = :member_id) AS clients,
  (SELECT jsonb_agg(document) FROM shifts WHERE agency_id = :agency_id AND member_id = :member_id) AS shifts,
  array_agg(a.starts_at) FILTER (WHERE a.id IS NOT NULL) AS starts,
  array_agg(a.ends_at) FILTER (WHERE a.id IS NOT NULL) AS ends
FROM (SELECT) AS one LEFT JOIN absences a
  ON a.agency_id = :agency_id AND a.member_id = :member_id AND a.ends_at > app_now()
""").columns(shifts=JSONB)


def _to_person(
    member: Member, clients: Collection[UUID], shifts: Collection[dict[str, Any]], absences: Collection[Period]
) -> Person:
    roles = frozenset(member.roles)
    able = Abilities(
        skills=frozenset(member.skills),
        languages=frozenset(filter(None, map(primary_language, member.languages))),
        tier=member.tier,
        clients=None if member.serves_all else frozenset(clients),
        supervises=bool(roles & SUPERVISORS),
    )
    presence = Presence(cast("Status", member.status), [parse_calendar(one) for one in shifts], list(absences))
    return Person(member.id, member.name, roles, able, presence)
