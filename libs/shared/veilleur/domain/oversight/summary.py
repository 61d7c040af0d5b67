"""Every client at a glance: what comes in, what waits, who is there, what is wrong, what the month has brought."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.models import Alarm
from veilleur.domain.metering.queries import UsageFilter, sum_usage
from veilleur.domain.oversight.outlook import Outlook, floor_id, load_outlook
from veilleur.domain.tenancy.models import Agency, Client
from veilleur.kernel.ids import show_id

AHEAD = timedelta(hours=8)
HOUR = timedelta(hours=1)
WEEKS = 4

# Ids begin with their instant, so an hour of receipts is a stretch of the primary key.
_INFLOW = text("""
SELECT i.client_id, h.week, count(*) AS items
FROM unnest(CAST(:weeks AS integer[]), CAST(:floors AS uuid[]), CAST(:ends AS uuid[])) AS h(week, floor, past)
JOIN items i ON i.agency_id = :agency_id AND i.id >= h.floor AND i.id < h.past
GROUP BY 1, 2
""")
_BACKLOG = text("""
SELECT client_id, count(*) AS backlog, min(due_at) AS next_due FROM cases
WHERE agency_id = :agency_id AND closed_at IS NULL GROUP BY 1
""")
_UNSCREENED = text("""
SELECT client_id, count(*) AS items, min(asked_at) AS since FROM items
WHERE agency_id = :agency_id AND state = 'received' GROUP BY 1
""")
_DEAD = text("""
SELECT client_id, count(*) AS dead FROM deliveries
WHERE agency_id = :agency_id AND state = 'dead' AND id >= :floor AND client_id IS NOT NULL GROUP BY 1
""")


@dataclass(frozen=True, slots=True)
class _Figures:
    """What was found, by client."""

    inflow: dict[UUID, Counter[int]]
    backlog: dict[UUID, Any]
    unscreened: dict[UUID, Any]
    dead: dict[UUID, int]
    alarms: dict[UUID, list[Alarm]]
    usage: dict[UUID, dict[str, str]]
    late: dict[UUID, Counter[str]]


async def summarise_clients(session: AsyncSession, agency_id: UUID) -> dict[str, Any]:
    """All clients in one go, in a number of statements that does not grow with them."""
    outlook = await load_outlook(session, agency_id, AHEAD)
    figures = await _gather(session, agency_id, outlook)
    clients = await session.scalars(select(Client).where(Client.agency_id == agency_id).order_by(Client.id))
    return {
        "at": outlook.present,
        "until": outlook.until,
        "on_shift": sum(1 for hours in outlook.hours.values() if hours[0][0] <= outlook.present),
        "clients": [_describe(client, figures, outlook) for client in clients],
    }


async def _gather(session: AsyncSession, agency_id: UUID, outlook: Outlook) -> _Figures:
    mine, present = {"agency_id": agency_id}, outlook.present
    late: dict[UUID, Counter[str]] = {}
    for case, row in outlook.forecast():
        late.setdefault(case.client_id, Counter())[row.cause] += 1
    alarms: dict[UUID, list[Alarm]] = {}
    opened = select(Alarm).where(Alarm.agency_id == agency_id, Alarm.closed_at.is_(None), Alarm.client_id.is_not(None))
    for alarm in await session.scalars(opened.order_by(Alarm.id)):
        if alarm.client_id is not None:
            alarms.setdefault(alarm.client_id, []).append(alarm)
    dead = await session.execute(_DEAD, mine | {"floor": floor_id(present - 24 * HOUR)})
    return _Figures(
        inflow=await _load_inflow(session, agency_id, present),
        backlog={row.client_id: row for row in await session.execute(_BACKLOG, mine)},
        unscreened={row.client_id: row for row in await session.execute(_UNSCREENED, mine)},
        dead={row.client_id: row.dead for row in dead},
        alarms=alarms,
        usage=await _load_usage(session, agency_id, present),
        late=late,
    )


async def _load_inflow(session: AsyncSession, agency_id: UUID, present: datetime) -> dict[UUID, Counter[int]]:
    """Items of the last hour (week 0) and of the same hour of past weeks."""
    ends = [present - timedelta(weeks=week) for week in range(WEEKS + 1)]
    asked = {
        "agency_id": agency_id,
        "weeks": list(range(WEEKS + 1)),
        "floors": [floor_id(end - HOUR) for end in ends],
        "ends": [floor_id(end) for end in ends],
    }
    found: dict[UUID, Counter[int]] = {}
    for row in await session.execute(_INFLOW, asked):
        found.setdefault(row.client_id, Counter())[row.week] = row.items
    return found


async def _load_usage(session: AsyncSession, agency_id: UUID, present: datetime) -> dict[UUID, dict[str, str]]:
    zone = (await session.get_one(Agency, agency_id)).time_zone
    today = present.astimezone(ZoneInfo(zone)).date()
    month = UsageFilter(agency_id, today.replace(day=1), today + timedelta(days=1))
    usage: dict[UUID, dict[str, str]] = {}
    for row in await sum_usage(session, month, ["client", "meter"]):
        usage.setdefault(row["client"], {})[row["meter"]] = row["quantity"]
    return usage


def _describe(client: Client, figures: _Figures, outlook: Outlook) -> dict[str, Any]:
    inflow = figures.inflow.get(client.id, Counter())
    usual = sorted(inflow[week] for week in range(1, WEEKS + 1))
    waiting, unscreened = figures.backlog.get(client.id), figures.unscreened.get(client.id)
    late = figures.late.get(client.id, Counter())
    return {
        "client": show_id("cli", client.id),
        "name": client.name,
        "inflow": {"last_hour": inflow[0], "usual": (usual[1] + usual[2]) / 2},
        "backlog": waiting.backlog if waiting else 0,
        "next_due": waiting.next_due if waiting else None,
        "at_risk": {"cases": late.total(), "causes": dict(late)},
        "on_shift": _count_present(client.id, outlook),
        "health": {
            "unscreened": unscreened.items if unscreened else 0,
            "unscreened_since": unscreened.since if unscreened else None,
            "deliveries_given_up": figures.dead.get(client.id, 0),
            "alarms": [{"kind": one.kind, "subject": one.subject} for one in figures.alarms.get(client.id, ())],
        },
        "month_to_date": figures.usage.get(client.id, {}),
    }


def _count_present(client_id: UUID, outlook: Outlook) -> int:
    return sum(
        1
        for person in outlook.staff
        if person.able.serves(client_id) and outlook.hours[str(person.id)][0][0] <= outlook.present
    )
