"""The public holidays of a kept calendar, copied day by day: what a library says later changes nothing by itself."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from sqlalchemy import ScalarSelect, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.domain.sla.calendar import parse_calendar
from veilleur.domain.sla.calendar_document import close_on
from veilleur.domain.sla.calendar_hours import FIRST_YEAR, LAST_YEAR, Calendar
from veilleur.domain.sla.models import CalendarHoliday, CalendarVersion
from veilleur.domain.sla.public_holidays import holiday_source, name_holidays
from veilleur.infra.db.bulk import insert_rows
from veilleur.kernel.messages import Language

YEARS_BACK, YEARS_AHEAD = 1, 15
"""How many years around the present one are copied."""

Day = dict[str, Any]


async def keep_holidays(
    session: AsyncSession, row: CalendarVersion, calendar: Calendar, before: CalendarVersion | None
) -> None:
    """Copy the days of the version before where it is given and of the same country, what is missing from the library.

    A year is taken whole from one of the two.
    """
    if calendar.holiday_country is None:
        return
    present: date = (await session.execute(select(func.app_now()))).scalar_one().date()
    years = range(max(FIRST_YEAR, present.year - YEARS_BACK), min(LAST_YEAR, present.year + YEARS_AHEAD) + 1)
    same = before is not None and _place(before.document) == _place(row.document)
    known = await load_holidays(session, before) if before is not None and same else []
    kept = [_copy(one) for one in known if one.day.year in years]
    missing = set(years) - {one["day"].year for one in kept}
    days = [*kept, *await asyncio.to_thread(list_known_days, calendar, missing)]
    shared = {
        "agency_id": row.agency_id,
        "calendar_id": row.id,
        "country": calendar.holiday_country,
        "subdivision": calendar.holiday_subdivision,
    }
    rows = [day | {"closed": day["day"] not in calendar.holidays_off} for day in days]
    await insert_rows(session, CalendarHoliday, rows, shared=shared)


def list_known_days(calendar: Calendar, years: Collection[int]) -> list[Day]:
    """The days as the installed library knows them."""
    country, source = calendar.holiday_country, holiday_source()
    if country is None:
        return []
    return [
        {"day": day, "names": names, "source": source}
        for year in sorted(years)
        for day, names in name_holidays(country, calendar.holiday_subdivision, year).items()
    ]


async def load_holidays(
    session: AsyncSession, row: CalendarVersion, year: int | None = None
) -> Sequence[CalendarHoliday]:
    """The copied days of a calendar, of one year or of all."""
    query = select(CalendarHoliday).where(
        CalendarHoliday.agency_id == row.agency_id, CalendarHoliday.calendar_id == row.id
    )
    if year is not None:
        query = query.where(CalendarHoliday.day.between(date(year, 1, 1), date(year, 12, 31)))
    return (await session.scalars(query.order_by(CalendarHoliday.day))).all()


def closed_days() -> ScalarSelect[Any]:
    """The days on which a `CalendarVersion` of the same query is closed for a public holiday, as a column."""
    return (
        select(func.array_agg(CalendarHoliday.day))
        .where(
            CalendarHoliday.agency_id == CalendarVersion.agency_id,
            CalendarHoliday.calendar_id == CalendarVersion.id,
            CalendarHoliday.closed,
        )
        .correlate(CalendarVersion)
        .scalar_subquery()
    )


def restore_calendar(document: Mapping[str, Any], closed: Collection[date] | None) -> Calendar:
    """A kept calendar, closed on the days that were copied with it, whatever the library says today.

    None, where nothing was copied yet: the library is asked as it was before there were copies.
    """
    calendar = parse_calendar(document)
    return calendar if calendar.holiday_country is None or closed is None else close_on(calendar, closed)


def describe_holidays(copied: Sequence[CalendarHoliday], language: Language) -> list[dict[str, Any]]:
    return [
        {
            "date": one.day,
            "name": one.names.get(language, one.names["en"]),
            "closed": one.closed,
            "country": one.country,
            "subdivision": one.subdivision,
            "source": one.source,
        }
        for one in copied
    ]


def compare_holidays(copied: Sequence[CalendarHoliday], known: Sequence[Day], language: Language) -> dict[str, Any]:
    """What the installed library would say otherwise; `renew_holidays` of a change takes it over."""
    before = {one.day: one.names for one in copied}
    now = {day["day"]: day["names"] for day in known}
    return {
        "source": holiday_source(),
        "added": [_name(day, now[day], language) for day in sorted(now.keys() - before.keys())],
        "dropped": [_name(day, before[day], language) for day in sorted(before.keys() - now.keys())],
    }


def _name(day: date, names: Mapping[str, str], language: Language) -> dict[str, Any]:
    return {"date": day, "name": names.get(language, names["en"])}


def _copy(one: CalendarHoliday) -> Day:
    return {"day": one.day, "names": one.names, "source": one.source}


def _place(document: Mapping[str, Any]) -> tuple[object, object]:
    return document.get("holiday_country"), document.get("holiday_subdivision")
