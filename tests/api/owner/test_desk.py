"""Queues and calendars of the agency."""

from typing import Any

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Agency, Json, unique

WEEK: Json = {"time_zone": "Europe/Paris", "weekly": {"mon": [["09:00", "17:00"]]}}


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/code", "/name"]),
        ({"code": "VIP", "name": "x"}, ["/code"]),
        ({"code": "vip", "name": "x", "lease_s": 0}, ["/lease_s"]),
        ({"code": "vip", "name": "x", "lease_s": 3_601}, ["/lease_s"]),
        ({"code": "vip", "name": "x", "lease_s": "600", "sla": 1}, ["/lease_s", "/sla"]),
    ],
)
async def test_a_queue_of_another_shape_gets_422(shared_agency: Agency, body: Json, pointers: list[str]):
    before = await shared_agency.owner.call("GET", "/owner/v1/queues")
    assert read_pointers(await shared_agency.owner.ask("POST", "/owner/v1/queues", body), 422, "invalid") == pointers
    assert await shared_agency.owner.call("GET", "/owner/v1/queues") == before


async def test_the_code_of_a_queue_is_given_once_an_agency(shared_agency: Agency):
    body = {"code": unique("vip"), "name": "VIP"}
    await shared_agency.owner.call("POST", "/owner/v1/queues", body, 201)
    for code in (body["code"], "default", "unscreened"):
        answer = await shared_agency.owner.ask("POST", "/owner/v1/queues", body | {"code": code})
        read_problem(answer, 409, "code-taken")


@pytest.mark.parametrize(
    ("calendar", "slug", "pointers"),
    [
        ({}, "invalid", ["/calendar/time_zone", "/calendar/weekly"]),
        (WEEK | {"time_zone": "Mars"}, "invalid", ["/calendar/time_zone"]),
        (WEEK | {"weekly": {"mon": [["9:00", "25:00"]], "lundi": []}}, "invalid", ["/calendar/weekly/lundi", "/calendar/weekly/mon/0/0", "/calendar/weekly/mon/0/1"]),
        (WEEK | {"holidays": ["2026-02-30", 5]}, "invalid", ["/calendar/holidays/0", "/calendar/holidays/1"]),
        (WEEK | {"holiday_country": "XX"}, "invalid", ["/calendar/holiday_country"]),
        (WEEK | {"extra": 1}, "invalid", ["/calendar/extra"]),
        (WEEK | {"weekly": {}}, "no-open-time", ["/calendar/weekly"]),
    ],
)  # fmt: skip
async def test_a_calendar_that_can_not_count_gets_422_kept_or_tried(
    shared_agency: Agency, calendar: Json, slug: str, pointers: list[str]
):
    before = await shared_agency.owner.call("GET", "/owner/v1/calendars")
    tried = {"calendar": calendar, "op": "is_open", "at": "2026-11-22T10:00:00Z"}
    for path, body in (("calendars", {"name": "x", "calendar": calendar}), ("calendars/preview", tried)):
        answer = await shared_agency.owner.ask("POST", f"/owner/v1/{path}", body)
        assert sorted(read_pointers(answer, 422, slug)) == sorted(pointers)
    assert await shared_agency.owner.call("GET", "/owner/v1/calendars") == before


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ([], [""]),
        ({}, ["/calendar", "/op"]),
        ({"calendar": WEEK, "op": "divide"}, ["/op"]),
        ({"calendar": WEEK, "op": "add", "start": "now", "seconds": 10**12}, ["/start", "/seconds"]),
        ({"calendar": WEEK, "op": "add", "start": "9999-12-31T23:59:59-23:59", "seconds": 1}, ["/start"]),
        ({"calendar": WEEK, "op": "is_open", "at": "2026-11-22T10:00:00"}, ["/at"]),
        ({"calendar": WEEK, "op": "next_periods", "from": "2026-11-22T10:00:00Z", "count": 10**6}, ["/count"]),
        ({"calendar": WEEK, "op": "is_open", "at": "2026-11-22T10:00:00Z", "more": 1}, ["/more"]),
    ],
)
async def test_a_preview_of_another_shape_gets_422(shared_agency: Agency, body: Any, pointers: list[str]):
    answer = await shared_agency.owner.ask("POST", "/owner/v1/calendars/preview", body)
    assert read_pointers(answer, 422, "invalid") == pointers


async def test_a_kept_calendar_can_be_a_clients(shared_agency: Agency):
    made = await shared_agency.owner.call("POST", "/owner/v1/calendars", {"name": "Week", "calendar": WEEK}, 201)
    client = await shared_agency.add_client(calendar=made["id"])
    assert (await shared_agency.owner.call("GET", client.base))["calendar"] == made["id"]
