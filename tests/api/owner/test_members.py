"""The people of the agency: shapes, grants, and logins."""

from typing import Any

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Agency, Client, Json, unique
from tests.support.world import World
from veilleur.kernel.ids import new_id, show_id

URL = "/owner/v1/members"


def wanted(**changed: Any) -> Json:
    return {"email": f"{unique('mo')}@agency.example", "name": "Mo", "roles": ["moderator"]} | changed


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"email": "nobody"}, ["/email"]),
        ({"email": "a b@c"}, ["/email"]),
        ({"email": "a" * 65 + "@b"}, ["/email"]),
        ({"roles": []}, ["/roles"]),
        ({"roles": ["owner", "king"]}, ["/roles/1"]),
        ({"roles": "owner"}, ["/roles"]),
        ({"languages": ["fr", ""]}, ["/languages/1"]),
        ({"skills": ["CSAM!"]}, ["/skills/0"]),
        ({"clients": "some"}, ["/clients"]),
        ({"clients": 5}, ["/clients"]),
        ({"clients": ["cli_x", "y"]}, ["/clients/0", "/clients/1"]),
        ({"capacity": 0}, ["/capacity"]),
        ({"capacity": 51}, ["/capacity"]),
        ({"capacity": "5", "password": "x"}, ["/capacity", "/password"]),
        ({"email": 1, "name": "", "roles": None}, ["/email", "/name", "/roles"]),
    ],
)
async def test_a_member_of_another_shape_gets_422_and_is_not_added(
    shared_agency: Agency, changed: Json, pointers: list[str]
):
    before = await shared_agency.owner.call("GET", URL)
    assert read_pointers(await shared_agency.owner.ask("POST", URL, wanted(**changed)), 422, "invalid") == pointers
    assert await shared_agency.owner.call("GET", URL) == before


async def test_an_e_mail_address_is_one_member(agency: Agency):
    body = wanted()
    await agency.owner.call("POST", URL, body, 201)
    read_problem(await agency.owner.ask("POST", URL, body), 409, "email-taken")


async def test_a_member_serves_the_clients_named_and_no_other_agencys(world: World, agency: Agency):
    mine = await agency.add_client()
    theirs = await (await world.operator.found_agency()).add_client()
    made = await agency.owner.call("POST", URL, wanted(clients=[mine.id]), 201)
    assert made["clients"] == [mine.id]
    before = await agency.owner.call("GET", URL)
    for unknown in (theirs.id, show_id("cli", new_id())):
        read_problem(await agency.owner.ask("POST", URL, wanted(clients=[mine.id, unknown])), 404, "not-found")
        path = f"{URL}/{made['id']}"
        read_problem(await agency.owner.ask("PATCH", path, {"name": "Other", "clients": [unknown]}), 404, "not-found")
    assert await agency.owner.call("GET", URL) == before
    assert (await agency.owner.call("GET", f"{URL}/{made['id']}"))["clients"] == [mine.id]


async def test_a_change_touches_what_it_names(client: Client, agency: Agency):
    made = await agency.owner.call("POST", URL, wanted(clients="all", skills=["minors"]), 201)
    assert made["clients"] == "all"
    changed = await agency.owner.call("PATCH", f"{URL}/{made['id']}", {"capacity": 9, "clients": [client.id]}, 200)
    assert changed == made | {"capacity": 9, "clients": [client.id]}


@pytest.mark.parametrize(
    ("patch", "pointers"),
    [
        ({"email": "a@b"}, ["/email"]),
        ({"roles": []}, ["/roles"]),
        ({"active": "no", "capacity": 2**40}, ["/capacity", "/active"]),
        ({"clients": {"all": True}}, ["/clients"]),
        ("x", [""]),
    ],
)
async def test_a_change_of_another_shape_gets_422(shared_agency: Agency, patch: Any, pointers: list[str]):
    made = await shared_agency.owner.call("POST", URL, wanted(), 201)
    assert (
        read_pointers(await shared_agency.owner.ask("PATCH", f"{URL}/{made['id']}", patch), 422, "invalid") == pointers
    )
    assert await shared_agency.owner.call("GET", f"{URL}/{made['id']}") == made


async def test_members_of_another_agency_are_not_there(world: World, shared_agency: Agency):
    other = await world.operator.found_agency()
    [owner] = (await other.owner.call("GET", URL))["data"]
    for method, path, body in (
        ("GET", f"{URL}/{owner['id']}", None),
        ("PATCH", f"{URL}/{owner['id']}", {"active": False}),
        ("POST", f"{URL}/{owner['id']}/tokens", None),
    ):
        read_problem(await shared_agency.owner.ask(method, path, body), 404, "not-found")
    await other.owner.call("GET", URL, status=200)
