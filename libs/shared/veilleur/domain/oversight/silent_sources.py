"""The sources whose usual traffic fails to come."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.alarms.record import Trouble
from veilleur.domain.oversight.silence import WEEKS, HourOfWeek, expected_items, is_silent, usual_traffic
from veilleur.domain.oversight.tally_hours import load_last, load_past
from veilleur.domain.tenancy.models import Client, Source
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.ids import show_id

_WEEK = timedelta(weeks=1)


async def find_silent_sources(session: AsyncSession, agency_id: UUID, present: datetime) -> list[Trouble]:
    """One trouble a source that is too silent to be chance. Sources that are paused or on trial are never silent.

    The newest items are looked up only for sources that would be silent by what was counted.
    """
    pasts = await load_past(session, agency_id, present)
    if not pasts:
        return []
    query = (
        select(Source.id, Source.client_id, Source.created_at, Client.time_zone)
        .join(Client, and_(Client.agency_id == Source.agency_id, Client.id == Source.client_id))
        .where(Source.agency_id == agency_id, Source.mode.in_(("live", "observe")))
    )
    sources = {row.id: row for row in await session.execute(query) if row.id in pasts}
    usual = {
        source_id: usual_traffic(split_weeks(pasts[source_id].hours, row.created_at, present, ZoneInfo(row.time_zone)))
        for source_id, row in sources.items()
    }
    counted = {source_id: last_at for source_id in sources if (last_at := pasts[source_id].last_at) is not None}
    suspects = {
        source_id: last_at
        for source_id, last_at in counted.items()
        if is_silent(usual[source_id], last_at, present, ZoneInfo(sources[source_id].time_zone))
    }
    newest = suspects | await load_last(session, agency_id, suspects)
    found = []
    for source_id, last_at in newest.items():
        row, zone = sources[source_id], ZoneInfo(sources[source_id].time_zone)
        if is_silent(usual[source_id], last_at, present, zone):
            figures = {
                "last_item_at": to_rfc3339(last_at),
                "silent_s": int((present - last_at).total_seconds()),
                "usual_items": round(expected_items(usual[source_id], last_at, present, zone)),
            }
            found.append(Trouble("source.silent", show_id("src", source_id), row.client_id, figures))
    return found


def split_weeks(
    hours: Mapping[datetime, int], created_at: datetime, present: datetime, zone: ZoneInfo
) -> list[dict[HourOfWeek, int]]:
    """Items by hour of the week, one mapping for each of the past weeks in which the source stood from end to end."""
    weeks: list[dict[HourOfWeek, int]] = []
    for number in range(WEEKS):
        end = present - number * _WEEK
        if end - _WEEK < created_at:
            break
        week: dict[HourOfWeek, int] = {}
        for hour, items in hours.items():
            if end - _WEEK <= hour < end:
                local = hour.astimezone(zone)
                week[local.weekday(), local.hour] = week.get((local.weekday(), local.hour), 0) + items
        weeks.append(week)
    return weeks
