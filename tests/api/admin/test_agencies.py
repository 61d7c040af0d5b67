"""The operator's door: one key, on its own port; agencies by slug."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Agency, Caller, Json, unique
from tests.support.world import BASE_URL, OPERATOR_KEY, World
from veilleur_api.app import create_admin_app

URL = "/admin/v1/agencies"


def wanted(**changed: Any) -> Json:
    owner = {"email": "owner@agency.example", "name": "Olga"}
    return {"slug": unique("agency"), "name": "Agency", "time_zone": "Europe/Paris", "owner": owner} | changed


def operator(world: World, key: str = OPERATOR_KEY) -> Caller:
    return Caller(world.admin, key)


async def count_agencies(world: World) -> int:
    [row] = await world.fetch("SELECT count(*) FROM agencies")
    return int(row[0])


async def test_an_agency_is_created_with_an_owner_who_may_begin(world: World):
    made = await operator(world).call("POST", URL, wanted(), 201)
    assert set(made) == {"id", "slug", "owner"}
    owner = Caller(world.http, made["owner"]["token"])
    assert await owner.call("GET", "/owner/v1/clients", status=200) == {"data": [], "next": None}
    members = await owner.call("GET", "/owner/v1/members", status=200)
    assert [member["id"] for member in members["data"]] == [made["owner"]["id"]]


async def test_a_taken_slug_gets_409(world: World):
    body = wanted()
    await operator(world).call("POST", URL, body, 201)
    before = await count_agencies(world)
    read_problem(await operator(world).ask("POST", URL, body), 409, "slug-taken")
    assert await count_agencies(world) == before


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"slug": "Agency"}, ["/slug"]),
        ({"slug": "-a"}, ["/slug"]),
        ({"slug": "a" * 65}, ["/slug"]),
        ({"slug": "a\n"}, ["/slug"]),
        ({"name": ""}, ["/name"]),
        ({"name": "x" * 201}, ["/name"]),
        ({"time_zone": "Europe/Atlantis"}, ["/time_zone"]),
        ({"time_zone": "../../etc/passwd"}, ["/time_zone"]),
        ({"time_zone": ""}, ["/time_zone"]),
        ({"time_zone": 1}, ["/time_zone"]),
        ({"owner": None}, ["/owner"]),
        ({"owner": {"email": "nobody"}}, ["/owner/email", "/owner/name"]),
        ({"owner": {"email": "a@b", "name": "x", "roles": ["owner"]}}, ["/owner/roles"]),
        ({"plan": "gold", "slug": ""}, ["/slug", "/plan"]),
    ],
)
async def test_an_agency_of_another_shape_gets_422(world: World, changed: Json, pointers: list[str]):
    before = await count_agencies(world)
    assert read_pointers(await operator(world).ask("POST", URL, wanted(**changed)), 422, "invalid") == pointers
    assert await count_agencies(world) == before


@pytest.mark.parametrize("key", ["", "x", OPERATOR_KEY[:-1], OPERATOR_KEY + "x", OPERATOR_KEY.upper(), "\u00e9" * 32])
async def test_only_the_operator_key_opens(world: World, key: str):
    headers = {"authorization": f"Bearer {key}".encode("latin-1")}
    for method in ("GET", "POST"):
        read_problem(await world.admin.request(method, URL, headers=headers), 401, "unauthenticated")


async def test_an_owner_is_no_operator(world: World, shared_agency: Agency):
    answer = await operator(world, shared_agency.owner.token).ask("GET", URL)
    read_problem(answer, 401, "unauthenticated")


async def test_the_key_is_asked_before_the_body_is_read(world: World):
    read_problem(await world.admin.post(URL, content=b"["), 401, "unauthenticated")
    read_problem(await world.admin.post(URL, content=b"[" * 300_000), 413, "too-large")


@pytest.fixture
async def keyless(world: World) -> AsyncIterator[httpx.AsyncClient]:
    settings = world.settings.model_copy(update={"operator_key": None})
    parts = replace(world.parts, settings=settings)
    app = create_admin_app(settings, parts)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as http:
        yield http


@pytest.mark.parametrize("key", ["", "None", OPERATOR_KEY])
async def test_without_an_operator_key_the_door_is_shut(keyless: httpx.AsyncClient, key: str):
    answer = await keyless.get(URL, headers={"authorization": f"Bearer {key}"})
    read_problem(answer, 401, "unauthenticated")


async def test_the_operators_door_is_on_the_admin_port_only(world: World):
    read_problem(await Caller(world.http, OPERATOR_KEY).ask("GET", URL), 404, "not-found")
    read_problem(await operator(world).ask("GET", "/owner/v1/clients"), 404, "not-found")
    read_problem(await world.http.get("/metrics"), 404, "not-found")
    assert (await world.admin.get("/metrics")).status_code == 200
    for http in (world.http, world.admin):
        assert (await http.get("/livez")).json() == {"status": "alive"}
        assert (await http.get("/readyz")).json()["status"] != "unready"


async def test_agencies_are_listed_page_by_page_and_each_once(world: World):
    made = {(await operator(world).call("POST", URL, wanted(), 201))["slug"] for _ in range(5)}
    slugs: list[str] = []
    page = await operator(world).call("GET", f"{URL}?limit=2")
    while page["next"]:
        assert len(page["data"]) == 2
        slugs += [agency["slug"] for agency in page["data"]]
        page = await operator(world).call("GET", f"{URL}?limit=2&after={page['next']}")
    slugs += [agency["slug"] for agency in page["data"]]
    assert slugs == sorted(slugs)
    assert len(slugs) == len(set(slugs)) == await count_agencies(world)
    assert made <= set(slugs)


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "after=x", "after=WyJcdTAwMDAiXQ", "after=WyJcdWQ4MDAiXQ"]
)
async def test_a_strange_page_gets_422(world: World, query: str):
    assert read_pointers(await operator(world).ask("GET", f"{URL}?{query}"), 422, "invalid") == [
        f"/{query.split('=', maxsplit=1)[0]}"
    ]
