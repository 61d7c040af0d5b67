"""Shifts around the world, absences and the gaps they leave, and who covers what."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.desk import open_desk
from tests.support.people import Agency, Json
from veilleur.domain.review.coverage import Served, find_gaps, list_hours
from veilleur.domain.review.needs import Abilities
from veilleur.domain.review.presence import Presence
from veilleur.domain.review.staff import Person
from veilleur.domain.sla.calendar import parse_calendar
from veilleur.kernel.ids import new_id

WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY = datetime(2027, 3, 1, tzinfo=UTC)
CLIENT = new_id()


def calendar(opens="00:00", closes="24:00", zone="UTC"):
    return parse_calendar({"time_zone": zone, "weekly": {day: [[opens, closes]] for day in WEEK}})


def person(*shifts, languages=("fr",), absences=()):
    able = Abilities(frozenset(), frozenset(languages), 1, None)
    return Person(new_id(), "P", frozenset(["moderator"]), able, Presence("available", shifts, absences))


def gaps(*staff, languages=("fr",), hours=calendar()):  # noqa: B008 - a calendar never changes
    found = find_gaps(staff, [Served(CLIENT, tuple(languages), hours)], (DAY, DAY + timedelta(days=1)))
    return [
        ((gap.start - DAY) / timedelta(hours=1), (gap.stop - DAY) / timedelta(hours=1), gap.language) for gap in found
    ]


def test_who_has_no_shift_leaves_no_gap():
    assert gaps(person()) == []
    assert gaps() == [(0, 24, "fr")]


def test_shifts_that_follow_the_sun_leave_what_none_of_them_covers():
    paris, tokyo = person(calendar("09:00", "17:00", "Europe/Paris")), person(calendar("09:00", "18:00", "Asia/Tokyo"))
    assert gaps(paris, tokyo) == [(16, 24, "fr")]
    assert gaps(paris) == [(0, 8, "fr"), (16, 24, "fr")]


def test_only_open_time_of_the_client_can_be_a_gap_and_only_in_its_languages():
    shop = calendar("10:00", "20:00")
    assert gaps(person(calendar("09:00", "17:00")), hours=shop) == [(17, 20, "fr")]
    assert gaps(person(), languages=["fr", "de"], hours=shop) == [(10, 20, "de")]
    assert gaps(person(languages=["nl"]), languages=[], hours=shop) == []


def test_an_absence_is_taken_out_of_a_shift():
    away = (DAY + timedelta(hours=3), DAY + timedelta(hours=5))
    assert gaps(person(absences=[away])) == [(3, 5, "fr")]


@pytest.mark.parametrize(("day", "count"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_has_the_hours_that_its_clocks_give_it(day, count):
    hours = list_hours(day, ZoneInfo("Europe/Paris"))
    assert len(hours) == count
    assert all(stop == begin for (_, stop), (begin, _) in pairwise(hours))


async def give_shift(agency: Agency, member: str, **hours: Any) -> Json:
    body = {"member": member, "time_zone": "UTC"} | hours
    return await agency.owner.call("POST", "/owner/v1/shifts", body, 201)


async def test_outside_the_shift_nothing_is_handed_out_and_inside_it_is(world):
    desk = await open_desk(world)
    me = await desk.moderator.get_id()
    await desk.receive()
    [row] = await desk.world.fetch("SELECT app_now() AT TIME ZONE 'UTC' AS now")
    tomorrow = (row["now"] + timedelta(days=1)).date()
    shift = await give_shift(desk.agency, me, overrides={tomorrow.isoformat(): [["00:00", "24:00"]]})
    assert await desk.moderator.claim(wait=5) == {"assignments": [], "reason": "off_shift"}
    midday = datetime.combine(tomorrow, datetime.min.time()) + timedelta(hours=12) - row["now"]
    await world.move_clock(midday)
    assert (await desk.moderator.take())[0]["fence"] == 1
    await world.reset_clock()
    path = f"/owner/v1/shifts/{shift['id']}"
    assert (await desk.agency.owner.ask("DELETE", path)).status_code == 204
    assert (await desk.moderator.caller.call("GET", "/moderator/v1/me"))["on_duty"]


async def test_an_absence_closes_the_desk_for_one_and_tells_the_gaps_it_leaves(world):
    desk = await open_desk(world, languages=["fr"])
    owner, path = desk.agency.owner, f"/owner/v1/members/{await desk.moderator.get_id()}/absence"
    olga = (await owner.call("GET", "/moderator/v1/me"))["id"]
    await give_shift(desk.agency, olga, weekly={"mon": [["09:00", "12:00"]]})
    [row] = await world.fetch("SELECT app_now() AS now")
    now = row["now"]
    body = {
        "from": (now - timedelta(hours=1)).isoformat(),
        "to": (now + timedelta(days=7)).isoformat(),
        "reason": "ill",
    }
    absence = await owner.call("POST", path, body, 201)
    assert absence["gaps"]
    assert {(gap["client"], gap["language"]) for gap in absence["gaps"]} == {(desk.client.id, "fr")}
    await desk.receive()
    assert (await desk.moderator.claim())["reason"] == "off_shift"
    assert [one["id"] for one in (await owner.call("GET", path))["data"]] == [absence["id"]]
    assert (await owner.ask("DELETE", f"{path}/{absence['id']}")).status_code == 204
    await desk.moderator.take()


async def test_coverage_tells_who_is_on_for_whom(world):
    desk = await open_desk(world, languages=["fr"], clients=[])
    owner, me = desk.agency.owner, await desk.moderator.get_id()
    await owner.call("PATCH", f"/owner/v1/members/{me}", {"clients": [desk.client.id]})
    await give_shift(desk.agency, me, weekly={"mon": [["09:00", "12:00"]]})
    olga = (await owner.call("GET", "/moderator/v1/me"))["id"]
    await give_shift(desk.agency, olga, weekly={"mon": [["10:00", "11:00"]]})
    answer = await owner.call("GET", "/owner/v1/coverage?date=2027-03-01")
    assert (answer["date"], answer["time_zone"], len(answer["hours"])) == ("2027-03-01", "Europe/Paris", 24)
    on = {hour["from"]: hour["members"] for hour in answer["hours"]}
    assert on["2027-03-01T08:00:00Z"] == []
    assert on["2027-03-01T09:00:00Z"] == [me]
    assert set(on["2027-03-01T10:00:00Z"]) == {me, olga}
    served = {hour["from"]: hour["clients"] for hour in answer["hours"]}
    assert served["2027-03-01T10:00:00Z"] == [{"client": desk.client.id, "language": "fr", "members": 2}]
    assert [(gap["from"], gap["to"]) for gap in answer["gaps"]] == [
        ("2027-02-28T23:00:00Z", "2027-03-01T09:00:00Z"),
        ("2027-03-01T12:00:00Z", "2027-03-01T23:00:00Z"),
    ]


@pytest.mark.parametrize(
    ("hours", "slug", "pointers"),
    [
        ({}, "no-open-time", ["/weekly"]),
        ({"weekly": {"mon": [["9:00", "25:00"]]}}, "invalid", ["/weekly/mon/0/0", "/weekly/mon/0/1"]),
        ({"time_zone": "Mars", "weekly": {"mon": [["09:00", "10:00"]]}}, "invalid", ["/time_zone"]),
        ({"overrides": {"2027-02-30": [["09:00", "10:00"]]}}, "invalid", ["/overrides/2027-02-30"]),
        ({"weekly": {"mon": [["09:00", "10:00"]]}, "member": "mem_x"}, "invalid", ["/member"]),
    ],
)
async def test_a_shift_that_can_not_be_worked_gets_422(world, hours, slug, pointers):
    desk = await open_desk(world)
    body = {"member": await desk.moderator.get_id(), "time_zone": "UTC"} | hours
    answer = await desk.agency.owner.ask("POST", "/owner/v1/shifts", body)
    assert read_pointers(answer, 422, slug) == pointers
    assert (await desk.agency.owner.call("GET", "/owner/v1/shifts"))["data"] == []


async def test_a_shift_is_replaced_where_nobody_else_did_first(world):
    desk = await open_desk(world)
    member = await desk.moderator.get_id()
    shift = await give_shift(desk.agency, member, weekly={"mon": [["09:00", "12:00"]]})
    assert shift["weekly"] == {"mon": [["09:00", "12:00"]]}
    path = f"/owner/v1/shifts/{shift['id']}"
    body = {"member": member, "time_zone": "Asia/Tokyo", "weekly": {"tue": [["22:00", "06:00"]]}}
    changed = await desk.agency.owner.call("PUT", path, body, 200, if_match='"1"')
    assert (changed["time_zone"], changed["weekly"]) == ("Asia/Tokyo", {"tue": [["22:00", "06:00"]]})
    assert (await desk.agency.owner.ask("PUT", path, body, if_match='"1"')).status_code == 412
    listed = await desk.agency.owner.call("GET", f"/owner/v1/shifts?member={member}")
    assert listed["data"] == [changed]
    read_problem(await desk.agency.owner.ask("GET", "/owner/v1/shifts?member=mem_x"), 404, "not-found")


@pytest.mark.parametrize("to", ["2027-01-01T00:00:00Z", "2028-06-01T00:00:00Z"])
async def test_an_absence_ends_after_it_begins_and_within_a_year(world, to):
    desk = await open_desk(world)
    path = f"/owner/v1/members/{await desk.moderator.get_id()}/absence"
    answer = await desk.agency.owner.ask("POST", path, {"from": "2027-01-01T00:00:00Z", "to": to})
    assert read_pointers(answer, 422, "invalid") == ["/to"]


@pytest.mark.parametrize("day", ["tomorrow", "1969-12-31", "2200-01-01"])
async def test_coverage_of_no_day_is_refused(shared_agency: Agency, day: str):
    answer = await shared_agency.owner.ask("GET", f"/owner/v1/coverage?date={day}")
    assert answer.status_code == 422


async def test_an_absence_that_has_begun_frees_what_is_in_hand_and_one_to_come_does_not(world):
    desk = await open_desk(world, capacity=3)
    await desk.receive(2)
    await desk.moderator.take(2)
    path = f"/owner/v1/members/{await desk.moderator.get_id()}/absence"
    present = datetime.now(UTC)

    async def leave(start, stop):
        body = {"from": (present + start).isoformat(), "to": (present + stop).isoformat()}
        return await desk.agency.owner.call("POST", path, body, 201)

    assert (await leave(timedelta(hours=2), timedelta(hours=3)))["freed"] == 0
    assert (await leave(timedelta(hours=-2), timedelta(hours=-1)))["freed"] == 0
    assert len(await desk.moderator.list_held()) == 2
    assert (await leave(timedelta(minutes=-1), timedelta(hours=1)))["freed"] == 2
    assert await desk.moderator.list_held() == []
    assert (await desk.moderator.claim())["reason"] == "off_shift"
    assert await desk.count("assignments", "outcome = 'freed'") == 2
    assert len(await (await desk.hire(capacity=3)).take(2)) == 2
