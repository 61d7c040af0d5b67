"""What waits, what it takes and who is there: the present as the forecast needs it, in a fixed number of statements."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.oversight.forecast import Hours, Late, Paused, Waiting, forecast_late
from veilleur.domain.review.coverage import plan_duty
from veilleur.domain.review.models import OPEN_STATES, Case
from veilleur.domain.review.needs import QueueTerms, read_needs
from veilleur.domain.review.piles import load_queues
from veilleur.domain.review.staff import Person, list_fitting, load_staff
from veilleur.domain.sla.models import Clock, ClockState

CASES = 2_000
"""The most that is laid out: those due first."""
HANDLING_S = 60.0
"""What a case is taken to need where nobody has decided one yet."""
HISTORY = timedelta(days=14)
"""What handling times are taken from."""

_HANDLING = text("""
SELECT c.client_id, c.queue_id, count(*) AS decided,
  percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM a.ended_at - a.claimed_at)) AS p50,
  percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM a.ended_at - a.claimed_at)) AS p90
FROM assignments a JOIN cases c ON c.agency_id = a.agency_id AND c.id = a.case_id
WHERE a.agency_id = :agency_id AND a.id >= :floor AND a.outcome = 'decided'
GROUP BY 1, 2 ORDER BY 1, 2
""")
_PAUSES: Mapping[str, Paused] = {"awaiting_client": "awaiting_client", "client_callback_down": "delivery_down"}


@dataclass(frozen=True, slots=True)
class Handling:
    """Seconds from claim to decision, of cases decided in the last fortnight."""

    client_id: UUID
    queue_id: UUID
    decided: int
    p50: float
    p90: float


@dataclass(frozen=True, slots=True)
class Outlook:
    present: datetime
    until: datetime
    cases: Mapping[UUID, Case]
    """Open and due by then, those due first."""
    pauses: Mapping[UUID, str]
    """Why the decision clock of an item stands still."""
    queues: Mapping[UUID, QueueTerms]
    staff: list[Person]
    """Whoever is planned to be there at any time until then."""
    hours: Mapping[str, list[Hours]]
    handling: list[Handling]

    def forecast(self) -> list[tuple[Case, Late]]:
        """What will be late by the end of the outlook, by deadline."""
        took = {(one.client_id, one.queue_id): one.p50 for one in self.handling}
        waiting = [
            Waiting(
                str(case.id),
                case.due_at,
                timedelta(seconds=max(1.0, took.get((case.client_id, case.queue_id), HANDLING_S))),
                self._eligible(case),
                _PAUSES.get(self.pauses.get(case.item_id, "")),
            )
            for case in self.cases.values()
            if self.pauses.get(case.item_id) != "legal_hold"
        ]
        return [(self.cases[UUID(late.case)], late) for late in forecast_late(waiting, self.hours, self.present)]

    def _eligible(self, case: Case) -> frozenset[str]:
        if case.holder_id is not None and str(case.holder_id) in self.hours:
            return frozenset({str(case.holder_id)})
        fitting = list_fitting(self.staff, case.client_id, self.queues[case.queue_id], read_needs(case.needs))
        return frozenset(str(person.id) for person in fitting)


async def load_outlook(
    session: AsyncSession, agency_id: UUID, ahead: timedelta, client_id: UUID | None = None
) -> Outlook:
    """Everything until `ahead` from now. Forecasts hold for the whole agency: `client_id` only when cases are shown."""
    present = (await session.execute(select(func.app_now()))).scalar_one()
    until = present + ahead
    query = select(Case).where(Case.agency_id == agency_id, Case.state.in_(OPEN_STATES), Case.due_at <= until)
    if client_id is not None:
        query = query.where(Case.client_id == client_id)
    cases = {case.id: case for case in await session.scalars(query.order_by(Case.due_at, Case.id).limit(CASES))}
    staff = await load_staff(session, agency_id)
    hours = {str(person.id): duty for person in staff if (duty := list_hours_of(person, present, until))}
    return Outlook(
        present=present,
        until=until,
        cases=cases,
        pauses=await _load_pauses(session, agency_id, [case.item_id for case in cases.values()]),
        queues=await load_queues(session, agency_id),
        staff=[person for person in staff if str(person.id) in hours],
        hours=hours,
        handling=await _load_handling(session, agency_id, present),
    )


def list_hours_of(person: Person, present: datetime, until: datetime) -> list[Hours]:
    """When somebody will be at work. Who has gone home is back at the next shift, without one not at all.

    Leads and owners are counted on only where a shift says so.
    """
    if person.able.supervises and not person.presence.shifts:
        return []
    duty = plan_duty(person, (present, until))
    return [one for one in duty if one[0] > present] if person.presence.status == "off" else duty


def floor_id(moment: datetime) -> UUID:
    """The lowest id that can have been made from then on: ids begin with their instant."""
    return UUID(int=max(0, int(moment.timestamp() * 1_000)) << 80)


async def _load_handling(session: AsyncSession, agency_id: UUID, present: datetime) -> list[Handling]:
    rows = await session.execute(_HANDLING, {"agency_id": agency_id, "floor": floor_id(present - HISTORY)})
    return [Handling(row.client_id, row.queue_id, row.decided, float(row.p50), float(row.p90)) for row in rows]


async def _load_pauses(session: AsyncSession, agency_id: UUID, item_ids: Iterable[UUID]) -> dict[UUID, str]:
    query = select(Clock.item_id, Clock.pause_reason).where(
        Clock.agency_id == agency_id,
        Clock.item_id.in_(list(item_ids)),
        Clock.metric == "decision",
        Clock.state == ClockState.PAUSED,
    )
    return {row.item_id: row.pause_reason for row in await session.execute(query) if row.pause_reason}


def mean_handling_s(handling: Iterable[Handling], client_id: UUID | None = None) -> float:
    """The usual seconds of a case, weighted by how many were decided."""
    chosen = [one for one in handling if client_id in (None, one.client_id)]
    decided = sum(one.decided for one in chosen)
    return sum(one.p50 * one.decided for one in chosen) / decided if decided else HANDLING_S


def describe_handling(one: Handling, queues: Mapping[UUID, QueueTerms]) -> dict[str, Any]:
    return {"queue": queues[one.queue_id].code, "decided": one.decided, "p50_s": one.p50, "p90_s": one.p90}
