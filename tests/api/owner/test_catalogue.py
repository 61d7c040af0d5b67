"""Policies and actions of a client."""

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.desk import ASK_RULES
from tests.support.people import Agency, Client, Json, unique

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


async def read_config(client: Client) -> Json:
    return await client.owner.call("GET", f"{client.base}/config", status=200)


async def test_a_policy_is_held_against_the_actions_and_a_configuration_can_be_put_back(shared_client: Client):
    path = f"{shared_client.base}/policies"
    code = unique("p")
    body = {"code": code, "title": "Boom", "default_actions": ["hide", "boom"]}
    assert read_pointers(await shared_client.owner.ask("POST", path, body), 422, "invalid") == ["/default_actions/1"]
    made = await shared_client.owner.call("POST", path, body | {"default_actions": ["hide"]}, 201)
    one = f"{path}/{code}"
    wrong = {"severity": 9, "title": None, "default_actions": ["boom"]}
    assert read_pointers(await shared_client.owner.ask("PATCH", one, wrong), 422, "invalid") == ["/severity"]
    assert read_pointers(await shared_client.owner.ask("PATCH", one, {"title": None}), 422, "invalid") == ["/title"]
    answer = await shared_client.owner.ask("PATCH", one, {"default_actions": ["boom"]})
    assert read_pointers(answer, 422, "invalid") == ["/default_actions/0"]
    changed = await shared_client.owner.call("PATCH", one, {"severity": 4, "clause": "12"}, 200)
    assert changed == made | {"severity": 4, "clause": "12"}
    document = await read_config(shared_client)
    assert changed in document["policies"]
    assert (await shared_client.owner.call("PUT", f"{shared_client.base}/config", document, 200))["diff"] == {}


async def test_a_policy_is_retired_unless_rules_name_it(shared_agency: Agency):
    client = await shared_agency.add_client(ASK_RULES)
    path = f"{client.base}/policies"
    read_problem(await client.owner.ask("DELETE", f"{path}/spam"), 409, "policy-in-use")
    assert (await client.owner.ask("DELETE", f"{path}/off_topic")).status_code == 204
    read_problem(await client.owner.ask("DELETE", f"{path}/off_topic"), 404, "not-found")
    codes = [one["code"] for one in (await client.owner.call("GET", path))["data"]]
    assert "spam" in codes
    assert "off_topic" not in codes
