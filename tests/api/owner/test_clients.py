"""Clients: what a new one starts with, what is refused, and two people who change one at the same time."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Agency, Client, Json, unique
from tests.support.world import World
from veilleur.kernel.ids import new_id, read_id, show_id

URL = "/owner/v1/clients"


def wanted(**changed: Any) -> Json:
    return {"slug": unique("client"), "name": "Forum", "time_zone": "Europe/Paris", "languages": ["fr"]} | changed


async def count_clients(world: World, agency: Agency) -> int:
    [row] = await world.fetch("SELECT count(*) FROM clients WHERE agency_id = $1", read_id("agc", agency.id))
    return int(row[0])


async def test_a_new_client_starts_with_catalogue_calendar_and_no_rules(agency: Agency):
    body = wanted(interim="withhold")
    made = await agency.owner.call("POST", URL, body, 201)
    assert made | body == made
    path = f"{URL}/{made['id']}"
    assert await agency.owner.call("GET", path, status=200) == made
    actions = await agency.owner.call("GET", f"{path}/actions")
    assert {action["code"] for action in actions["data"]} == {"hide", "remove", "warn", "suspend"}
    assert (await agency.owner.call("GET", f"{path}/policies"))["data"]
    assert (await agency.owner.call("GET", f"{path}/rule-sets"))["data"] == []
    calendars = (await agency.owner.call("GET", "/owner/v1/calendars"))["data"]
    assert made["calendar"] in {calendar["id"] for calendar in calendars}


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"slug": "É"}, ["/slug"]),
        ({"slug": ""}, ["/slug"]),
        ({"slug": "a" * 65}, ["/slug"]),
        ({"slug": "forum\n"}, ["/slug"]),
        ({"slug": "forum-"}, ["/slug"]),
        ({"name": ""}, ["/name"]),
        ({"name": None}, ["/name"]),
        ({"time_zone": "Europe/Atlantis"}, ["/time_zone"]),
        ({"time_zone": "localtime"}, ["/time_zone"]),
        ({"time_zone": "posixrules"}, ["/time_zone"]),
        ({"time_zone": "europe/paris"}, ["/time_zone"]),
        ({"languages": "fr"}, ["/languages"]),
        ({"languages": ["fr", "français", 1]}, ["/languages/1", "/languages/2"]),
        ({"languages": ["fr"] * 51}, ["/languages"]),
        ({"interim": "maybe"}, ["/interim"]),
        ({"calendar": "cal_x"}, ["/calendar"]),
        ({"calendar": show_id("cal", new_id())}, ["/calendar"]),
        ({"id": "cli_x", "agency_id": "agc_x"}, ["/id", "/agency_id"]),
        ({"slug": 1, "name": 2, "time_zone": 3, "interim": 4}, ["/slug", "/name", "/time_zone", "/interim"]),
    ],
)
async def test_a_client_of_another_shape_gets_422_with_every_pointer(
    world: World, shared_agency: Agency, changed: Json, pointers: list[str]
):
    before = await count_clients(world, shared_agency)
    assert read_pointers(await shared_agency.owner.ask("POST", URL, wanted(**changed)), 422, "invalid") == pointers
    assert await count_clients(world, shared_agency) == before


async def test_another_agencys_calendar_is_not_there(world: World, shared_agency: Agency):
    other = await world.operator.found_agency()
    [theirs] = (await other.owner.call("GET", "/owner/v1/calendars"))["data"]
    answer = await shared_agency.owner.ask("POST", URL, wanted(calendar=theirs["id"]))
    assert read_pointers(answer, 422, "invalid") == ["/calendar"]


async def test_a_slug_is_given_once_an_agency_also_at_the_same_moment(world: World, agency: Agency):
    body = wanted()
    answers = await asyncio.gather(*(agency.owner.ask("POST", URL, body) for _ in range(5)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409, 409]
    for answer in answers:
        if answer.status_code == 409:
            read_problem(answer, 409, "slug-taken")
    assert await count_clients(world, agency) == 1
    other = await world.operator.found_agency()
    await other.owner.call("POST", URL, body, 201)


async def test_a_change_names_the_version_it_was_made_from(agency: Agency, client: Client):
    etag = (await agency.owner.ask("GET", client.base)).headers["etag"]
    changed = await agency.owner.ask("PATCH", client.base, {"name": "Agora"}, if_match=etag)
    assert (changed.status_code, changed.json()["name"]) == (200, "Agora")
    assert changed.headers["etag"] != etag
    late = await agency.owner.ask("PATCH", client.base, {"name": "Forum"}, if_match=etag)
    read_problem(late, 412, "precondition-failed")
    assert (await agency.owner.call("GET", client.base))["name"] == "Agora"
    for header in (changed.headers["etag"], "*"):
        answer = await agency.owner.ask("PATCH", client.base, {"interim": "withhold"}, if_match=header)
        assert answer.status_code == 200


async def test_of_two_changes_from_one_version_one_wins(agency: Agency, client: Client):
    etag = (await agency.owner.ask("GET", client.base)).headers["etag"]
    answers = await asyncio.gather(
        *(agency.owner.ask("PATCH", client.base, {"name": name}, if_match=etag) for name in ("one", "two", "three"))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412]
    [winner] = [answer.json()["name"] for answer in answers if answer.status_code == 200]
    assert (await agency.owner.call("GET", client.base))["name"] == winner


@pytest.mark.parametrize(
    ("patch", "pointers"),
    [
        ({"slug": "other"}, ["/slug"]),
        ({"name": "", "time_zone": "Mars"}, ["/name", "/time_zone"]),
        ({"interim": 1, "languages": {}}, ["/languages", "/interim"]),
        ({"calendar": "x"}, ["/calendar"]),
        ([], [""]),
    ],
)
async def test_a_change_of_another_shape_changes_nothing(shared_client: Client, patch: Any, pointers: list[str]):
    before = await shared_client.owner.call("GET", shared_client.base)
    assert read_pointers(await shared_client.owner.ask("PATCH", shared_client.base, patch), 422, "invalid") == pointers
    assert await shared_client.owner.call("GET", shared_client.base) == before


async def test_a_client_is_there_for_its_own_agency_only(world: World, client: Client):
    other = await world.operator.found_agency()
    for method, path, body in (
        ("GET", client.base, None),
        ("PATCH", client.base, {"name": "x"}),
        ("GET", f"{client.base}/sources", None),
        ("POST", f"{client.base}/sources", {"kind": "standard", "name": "x"}),
        ("POST", f"{client.base}/credentials", {"kind": "api_key", "name": "x", "scopes": ["items:read"]}),
        ("POST", f"{client.base}/endpoints", {"url": "https://example.com/"}),
        ("POST", f"{client.base}/policies", {"code": "x", "title": "x"}),
        ("GET", f"/owner/v1/usage?client={client.id}", None),
        ("GET", f"/owner/v1/deliveries?client={client.id}", None),
    ):
        read_problem(await other.owner.ask(method, path, body), 404, "not-found")
    assert (await other.owner.call("GET", URL))["data"] == []


@pytest.mark.parametrize(
    "shown", ["x", "%00", "cli_", "cli_" + "z" * 26, show_id("cli", UUID(int=7)), show_id("src", UUID(int=7))]
)
async def test_an_id_that_names_nothing_gets_404(shared_agency: Agency, shown: str):
    for path in (
        f"{URL}/{shown}",
        f"{URL}/{shown}/sources",
        f"/owner/v1/usage?client={shown[:20].replace('%00', 'x')}",
    ):
        read_problem(await shared_agency.owner.ask("GET", path), 404, "not-found")


async def test_clients_are_listed_page_by_page_and_each_once(agency: Agency):
    made = [(await agency.owner.call("POST", URL, wanted(), 201))["id"] for _ in range(5)]
    listed: list[str] = []
    page = await agency.owner.call("GET", f"{URL}?limit=2")
    while True:
        listed += [client["id"] for client in page["data"]]
        if page["next"] is None:
            break
        page = await agency.owner.call("GET", f"{URL}?limit=2&after={page['next']}")
    assert listed == made
