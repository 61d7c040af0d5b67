"""The people of the desk as the pure rooms need them: what each can do, whom each serves, who is there."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.review.needs import Abilities, Needs, QueueTerms, find_fit, primary_language
from veilleur.domain.review.presence import Presence, Status, is_on_duty
from veilleur.domain.tenancy.models import Member

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
    return _to_person(member, row.clients), row.present


async def load_staff(session: AsyncSession, agency_id: UUID) -> list[Person]:
    """Everybody who works cases and is not disabled; one statement each for members and grants."""
    query = select(Member).where(Member.agency_id == agency_id, Member.disabled_at.is_(None))
    members = [member for member in await session.scalars(query.order_by(Member.id)) if WORKERS & set(member.roles)]
    granted: dict[UUID, list[UUID]] = {}
    for row in await session.execute(_GRANTS, {"agency_id": agency_id}):
        granted.setdefault(row.member_id, []).append(row.client_id)
    return [_to_person(member, granted.get(member.id, ())) for member in members]


def list_fitting(staff: Iterable[Person], client_id: UUID, queue: QueueTerms, needs: Needs) -> list[Person]:
    """Who may decide such a case, sooner or later."""
    return [person for person in staff if find_fit(person.able, client_id, queue, needs) is not None]


_ONE = text("""
SELECT app_now() AS present,
  ARRAY(SELECT client_id FROM grants WHERE agency_id = :agency_id AND member_id = :member_id) AS clients
""")

_GRANTS = text("SELECT member_id, client_id FROM grants WHERE agency_id = :agency_id")


def _to_person(member: Member, clients: Collection[UUID]) -> Person:
    roles = frozenset(member.roles)
    able = Abilities(
        skills=frozenset(member.skills),
        languages=frozenset(filter(None, map(primary_language, member.languages))),
        tier=member.tier,
        clients=None if member.serves_all else frozenset(clients),
        supervises=bool(roles & SUPERVISORS),
    )
    return Person(member.id, member.name, roles, able, Presence(cast("Status", member.status)))
