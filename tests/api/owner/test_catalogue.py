"""Policies and actions of a client."""

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Client, Json, unique

POLICY: Json = {"code": "doxxing", "title": "Doxxing"}
ACTION: Json = {"code": "blur", "title": "Blur", "verdict": "restrict", "targets": ["item"]}


@pytest.mark.parametrize(
    ("what", "body", "pointers"),
    [
        ("policies", {}, ["/code", "/title"]),
        ("policies", POLICY | {"code": "Doxx"}, ["/code"]),
        ("policies", POLICY | {"code": "a" * 65}, ["/code"]),
        ("policies", POLICY | {"severity": 0}, ["/severity"]),
        ("policies", POLICY | {"severity": 6, "examples": "x"}, ["/examples", "/severity"]),
        ("policies", POLICY | {"definition": "x" * 10_001}, ["/definition"]),
        ("policies", POLICY | {"examples": ["x"] * 51}, ["/examples"]),
        ("policies", POLICY | {"default_actions": ["hide", "Hide me"]}, ["/default_actions/1"]),
        ("policies", POLICY | {"client_id": "x"}, ["/client_id"]),
        ("actions", {}, ["/code", "/title", "/verdict", "/targets"]),
        ("actions", ACTION | {"verdict": "ban"}, ["/verdict"]),
        ("actions", ACTION | {"targets": []}, ["/targets"]),
        ("actions", ACTION | {"targets": ["item", "house"]}, ["/targets/1"]),
        ("actions", ACTION | {"needs_until": "yes", "undo": "Un do"}, ["/needs_until", "/undo"]),
    ],
)
async def test_an_entry_of_another_shape_gets_422_and_is_not_kept(
    shared_client: Client, what: str, body: Json, pointers: list[str]
):
    path = f"{shared_client.base}/{what}"
    before = await shared_client.owner.call("GET", path)
    assert read_pointers(await shared_client.owner.ask("POST", path, body), 422, "invalid") == pointers
    assert await shared_client.owner.call("GET", path) == before


@pytest.mark.parametrize(("what", "body"), [("policies", POLICY), ("actions", ACTION)])
async def test_a_code_is_given_once_a_client(shared_client: Client, what: str, body: Json):
    body = body | {"code": unique("c")}
    path = f"{shared_client.base}/{what}"
    made = await shared_client.owner.call("POST", path, body, 201)
    assert made | body == made
    read_problem(await shared_client.owner.ask("POST", path, body), 409, "code-taken")
    assert [one["code"] for one in (await shared_client.owner.call("GET", path))["data"]].count(body["code"]) == 1
