"""Calendars over HTTP: versions, public holidays that can be switched, open clocks only where asked."""

from datetime import UTC, date, datetime

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.desk import open_desk
from veilleur.domain.sla.calendar import is_open, parse_calendar

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
OPEN = {"time_zone": "UTC", "weekly": {day: [["00:00", "24:00"]] for day in DAYS}}
FRENCH = OPEN | {"holiday_country": "FR"}
MORNINGS = {"time_zone": "UTC", "weekly": {day: [["06:00", "09:00"]] for day in DAYS}}


async def keep(desk, calendar, **more):
    return await desk.agency.owner.call(
        "POST", "/owner/v1/calendars", {"name": "Hours", "calendar": calendar} | more, 201
    )


async def test_a_change_is_a_next_version_that_the_clients_of_the_one_before_keep(world):
    desk = await open_desk(world)
    owner = desk.agency.owner
    first = await keep(desk, OPEN)
    assert (first["version"], first["replaces"]) == (1, None)
    await owner.call("PATCH", desk.client.base, {"calendar": first["id"]})
    elsewhere = await desk.agency.add_client()
    path = f"/owner/v1/calendars/{first['id']}"
    second = await owner.call("PUT", path, {"name": "Mornings", "calendar": MORNINGS}, 200)
    assert (second["version"], second["replaces"], second["calendar"]) == (2, first["id"], MORNINGS)
    assert (await owner.call("GET", desk.client.base))["calendar"] == second["id"]
    assert (await owner.call("GET", elsewhere.base))["calendar"] not in (first["id"], second["id"])
    assert (await owner.call("GET", path)) == first
    again = await owner.ask("PUT", path, {"name": "Other", "calendar": OPEN})
    read_problem(again, 409, "calendar-replaced")
    assert (await owner.call("PUT", f"/owner/v1/calendars/{second['id']}", {"name": "3", "calendar": OPEN}))[
        "version"
    ] == 3


@pytest.mark.parametrize("apply_to", ["new_only", "open"])
@pytest.mark.parametrize("by", ["version", "choice"])
async def test_other_hours_move_open_clocks_only_where_asked(world, apply_to, by):
    desk = await open_desk(world)
    first = await keep(desk, OPEN)
    await desk.agency.owner.call("PATCH", desk.client.base, {"calendar": first["id"]})
    [item] = await desk.receive()
    before = await desk.clock_of(item)
    change = {"name": "Mornings", "calendar": MORNINGS}
    if by == "version":
        await desk.agency.owner.call("PUT", f"/owner/v1/calendars/{first['id']}", change | {"apply_to": apply_to}, 200)
    else:
        other = await keep(desk, MORNINGS)
        await desk.agency.owner.call("PATCH", desk.client.base, {"calendar": other["id"], "apply_to": apply_to})
    await world.drain()
    clock = await desk.clock_of(item)
    if apply_to == "new_only":
        assert clock == before
    else:
        assert clock["due_at"] > before["due_at"]
        assert await desk.count("sla_events", "type = 'retargeted' AND details->>'reason' = 'calendar'") == 1
    [new] = await desk.receive()
    assert (await desk.clock_of(new))["due_at"] > before["due_at"]


@pytest.mark.parametrize(
    ("body", "slug", "pointers"),
    [
        ({"calendar": {}}, "invalid", ["/calendar/time_zone", "/calendar/weekly"]),
        ({"calendar": {"time_zone": "UTC", "weekly": {}}}, "no-open-time", ["/calendar/weekly"]),
        ({"calendar": OPEN | {"weekly": {}}, "apply_to": "open_since"}, "invalid", ["/open_since"]),
        ({"calendar": OPEN | {"holidays_off": ["2027-05-08"]}}, "invalid", ["/calendar/holidays_off"]),
        ({"calendar": FRENCH | {"holidays_off": ["8 May"]}}, "invalid", ["/calendar/holidays_off/0"]),
    ],
)
async def test_a_change_that_can_not_count_is_refused(shared_agency, body, slug, pointers):
    made = await shared_agency.owner.call("POST", "/owner/v1/calendars", {"name": "x", "calendar": OPEN}, 201)
    answer = await shared_agency.owner.ask("PUT", f"/owner/v1/calendars/{made['id']}", {"name": "x"} | body)
    assert sorted(read_pointers(answer, 422, slug)) == pointers


async def test_each_public_holiday_is_listed_with_its_source_and_can_be_switched_off(shared_agency):
    owner = shared_agency.owner
    calendar = FRENCH | {"holidays_off": ["2027-05-08"]}
    made = await owner.call("POST", "/owner/v1/calendars", {"name": "FR", "calendar": calendar}, 201)
    assert made["calendar"]["holidays_off"] == ["2027-05-08"]
    listed = (await owner.call("GET", f"/owner/v1/calendars/{made['id']}/holidays?year=2027"))["data"]
    days = {one["date"]: one for one in listed}
    assert len(days) == 11
    assert [day for day, one in days.items() if not one["closed"]] == ["2027-05-08"]
    assert all(one["name"] and one["source"].startswith("holidays ") for one in listed)
    alsace = await owner.call(
        "POST", "/owner/v1/calendars", {"name": "57", "calendar": FRENCH | {"holiday_subdivision": "57"}}, 201
    )
    more = (await owner.call("GET", f"/owner/v1/calendars/{alsace['id']}/holidays?year=2027"))["data"]
    assert {one["date"] for one in more} - set(days) == {"2027-03-26", "2027-12-26"}
    assert (await owner.call("GET", f"/owner/v1/calendars/{made['id']}/holidays"))["data"]
    read_problem(await owner.ask("GET", f"/owner/v1/calendars/{made['id']}/holidays?year=9999"), 422, "invalid")


@pytest.mark.parametrize(
    ("off", "extra", "opens"), [([], [], False), (["2027-05-08"], [], True), (["2027-05-08"], ["2027-05-08"], False)]
)
def test_a_holiday_that_is_switched_off_is_a_day_like_others(off, extra, opens):
    calendar = parse_calendar(FRENCH | {"holidays_off": off, "holidays": extra})
    day = datetime(2027, 5, 8, 12, tzinfo=UTC)
    assert is_open(calendar, day) == opens
    assert not is_open(calendar, datetime(2027, 5, 1, 12, tzinfo=UTC))
    assert parse_calendar(calendar.to_document()) == calendar
    assert calendar.holidays_off == frozenset(date.fromisoformat(one) for one in off)
