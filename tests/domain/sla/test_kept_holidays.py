"""Public holidays are copied when a calendar is kept: a library that learns or forgets something changes nothing."""

from datetime import UTC, date, datetime

import pytest

from tests.support.desk import open_desk
from veilleur.domain.sla import keep_holidays
from veilleur.domain.sla.calendar import is_open
from veilleur.domain.sla.french_holidays import translate_holiday
from veilleur.domain.sla.keep_holidays import restore_calendar
from veilleur.domain.sla.public_holidays import name_holidays

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
FRENCH = {"time_zone": "UTC", "weekly": ALWAYS, "holiday_country": "FR"}
YEAR = datetime.now(UTC).year + 1
NEW_YEAR, BASTILLE, INVENTED = f"{YEAR}-01-01", f"{YEAR}-07-14", f"{YEAR}-09-09"


def know_other_days(country, subdivision, year):
    """A library of next year: Bastille Day is forgotten, another day invented."""
    days = name_holidays(country, subdivision, year)
    days.pop(date(year, 7, 14))
    return days | {date(year, 9, 9): {"en": "Invented Day"}}


async def keep(desk, calendar):
    body = {"name": "Hours", "calendar": calendar}
    return await desk.agency.owner.call("POST", "/owner/v1/calendars", body, 201)


async def change(desk, calendar, **more):
    body = {"name": "Hours", "calendar": calendar["calendar"]} | more
    return await desk.agency.owner.call("PUT", f"/owner/v1/calendars/{calendar['id']}", body, 200)


async def read(desk, calendar, **headers):
    path = f"/owner/v1/calendars/{calendar['id']}/holidays?year={YEAR}"
    return await desk.agency.owner.call("GET", path, **headers)


async def list_days(desk, calendar):
    return {one["date"] for one in (await read(desk, calendar))["data"]}


async def test_another_library_changes_nothing_until_somebody_asks_for_it(world, monkeypatch):
    desk = await open_desk(world)
    first = await keep(desk, FRENCH)
    days = await list_days(desk, first)
    assert {NEW_YEAR, BASTILLE} <= days
    monkeypatch.setattr(keep_holidays, "name_holidays", know_other_days)
    monkeypatch.setattr(keep_holidays, "holiday_source", lambda: "holidays 9.9")
    assert await list_days(desk, first) == days
    second = await change(desk, first | {"calendar": FRENCH | {"holidays_off": [NEW_YEAR]}})
    answer = await read(desk, second)
    assert {one["date"] for one in answer["data"]} == days
    assert [one["date"] for one in answer["data"] if not one["closed"]] == [NEW_YEAR]
    assert not any(one["source"] == "holidays 9.9" for one in answer["data"])
    library = answer["library"]
    assert (library["source"], library["added"]) == ("holidays 9.9", [{"date": INVENTED, "name": "Invented Day"}])
    assert [one["date"] for one in library["dropped"]] == [BASTILLE]
    third = await change(desk, second, renew_holidays=True)
    assert await list_days(desk, third) == days - {BASTILLE} | {INVENTED}
    assert {one["source"] for one in (await read(desk, third))["data"]} == {"holidays 9.9"}
    moved = await change(desk, third | {"calendar": FRENCH | {"holiday_subdivision": "57"}})
    assert {one["subdivision"] for one in (await read(desk, moved))["data"]} == {"57"}


async def test_clocks_count_by_the_days_that_were_copied(world, monkeypatch):
    desk = await open_desk(world)
    # A zone of its own: blocks of open time are remembered by what a calendar says.
    kept = await keep(desk, FRENCH | {"time_zone": "Europe/Luxembourg"})
    monkeypatch.setattr("veilleur.domain.sla.calendar_hours.public_holidays", lambda *_: frozenset())
    await desk.agency.owner.call("PATCH", desk.client.base, {"calendar": kept["id"]})
    policy = {"default": {"class": "slow", "decision": {"seconds": 90 * 86_400, "time": "business"}}}
    await desk.agency.owner.call("POST", f"{desk.client.base}/sla-policies", {"policy": policy}, 201)
    [item] = await desk.receive()
    clock = await desk.clock_of(item)
    days = await desk.fetch("SELECT day FROM calendar_holidays WHERE agency_id = $1 AND closed")
    passed = [row for row in days if clock["started_at"].date() < row["day"] < clock["due_at"].date()]
    assert len(passed) >= 1
    assert (clock["due_at"] - clock["started_at"]).days == 90 + len(passed)


@pytest.mark.parametrize(("closed", "opens"), [(None, False), ([], True), ([date(YEAR, 7, 14)], False)])
def test_a_calendar_from_before_the_copies_asks_the_library_as_it_did(closed, opens):
    calendar = restore_calendar(FRENCH, closed)
    assert is_open(calendar, datetime(YEAR, 7, 14, 12, tzinfo=UTC)) == opens
    assert restore_calendar(FRENCH | {"holiday_country": None}, None).holiday_country is None


async def test_holidays_and_statutory_classes_have_french_names(world):
    desk = await open_desk(world)
    for country, english, french in (
        ("FR", "All Saints' Day", "Toussaint"),
        ("US", "Thanksgiving Day", "Action de grâce"),
    ):
        calendar = await keep(desk, FRENCH | {"holiday_country": country})
        assert english in {one["name"] for one in (await read(desk, calendar))["data"]}
        assert french in {one["name"] for one in (await read(desk, calendar, accept_language="fr"))["data"]}
    path = "/owner/v1/sla-classes"
    titles = {one["code"]: one["title"] for one in (await desk.agency.owner.call("GET", path))["data"]}
    fr = {
        one["code"]: one["title"] for one in (await desk.agency.owner.call("GET", path, accept_language="fr"))["data"]
    }
    assert "removed within one hour" in titles["terrorist-content"]
    assert "retiré dans l'heure" in fr["terrorist-content"]
    assert all(titles[code] != fr[code] for code in titles)


def test_a_name_is_translated_whole_or_not_at_all():
    assert translate_holiday("Christmas Day (observed)") == "Noël (reporté)"
    assert translate_holiday("Easter Monday; Labor Day") == "Lundi de Pâques; Fête du Travail"
    assert translate_holiday("Easter Monday; Day of the Unknown") is None
