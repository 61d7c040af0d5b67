"""The queues in which something waits that nobody on shift may decide."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import Trouble
from veilleur.domain.review.piles import Pile, count_ready, load_floor
from veilleur.domain.review.staff import Person, list_fitting, load_staff
from veilleur.domain.sla.calendar import is_open
from veilleur.domain.sla.terms import Terms, load_terms
from veilleur.kernel.clock import to_rfc3339

SOON = timedelta(hours=1)
"""What is due by then calls for somebody even while its client is closed."""


@dataclass(slots=True)
class _Uncovered:
    """What waits of one client in one queue with nobody there for it; `waiting` is counted to 1,000 a pile."""

    waiting: int = 0
    next_due_at: datetime | None = None
    languages: set[str] = field(default_factory=set)
    skills: set[str] = field(default_factory=set)

    def add(self, pile: Pile, waiting: int, due_at: datetime) -> None:
        self.waiting += waiting
        self.next_due_at = min(due_at, self.next_due_at or due_at)
        self.languages |= {pile.needs.language} if pile.needs.language else pile.queue.languages
        self.skills |= pile.queue.skills

    def to_figures(self) -> dict[str, object]:
        due_at = to_rfc3339(self.next_due_at) if self.next_due_at else None
        return {
            "waiting": self.waiting,
            "next_due_at": due_at,
            "languages": sorted(self.languages),
            "skills": sorted(self.skills),
        }


async def find_uncovered_queues(session: AsyncSession, agency_id: UUID, present: datetime) -> list[Trouble]:
    """One trouble a client and queue, in which cases wait while their client is open, or that are due soon."""
    floor = await load_floor(session, agency_id)
    if not floor.piles:
        return []
    staff = list_present(await load_staff(session, agency_id), present)
    alone = [pile for pile in floor.piles if not list_fitting(staff, pile.client_id, pile.queue, pile.needs)]
    if not alone:
        return []
    terms = await load_terms(session, agency_id, {pile.client_id for pile in alone})
    found = group_uncovered(await count_ready(session, agency_id, alone), terms, present)
    return [
        Trouble("queue.uncovered", code, client_id, uncovered.to_figures())
        for (client_id, code), uncovered in found.items()
    ]


def list_present(staff: Iterable[Person], present: datetime) -> list[Person]:
    """Who is at work. Leads and owners are counted on only where a shift says so, as in forecasts."""
    return [
        person
        for person in staff
        if (person.presence.shifts or not person.able.supervises) and person.is_on_duty(present)
    ]


def group_uncovered(
    counted: Iterable[tuple[Pile, int, datetime | None]], terms: Mapping[UUID, Terms], present: datetime
) -> dict[tuple[UUID, str], _Uncovered]:
    found: dict[tuple[UUID, str], _Uncovered] = {}
    for pile, waiting, due_at in counted:
        if due_at is None or not (is_open(terms[pile.client_id].calendar, present) or due_at <= present + SOON):
            continue
        found.setdefault((pile.client_id, pile.queue.code), _Uncovered()).add(pile, waiting, due_at)
    return found
