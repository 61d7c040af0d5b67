"""Queues and routing rules, as an owner arranges and tries them."""

from typing import Any

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.people import Agency, Json, unique


async def put(agency: Agency, *rules: Json, **headers: Any) -> Json:
    return await agency.owner.call("PUT", "/owner/v1/routing-rules", {"rules": list(rules)}, 200, **headers)


async def add_queue(agency: Agency, **terms: Any) -> Json:
    body = {"code": unique("q"), "name": "Q"} | terms
    return await agency.owner.call("POST", "/owner/v1/queues", body, 201)


async def test_a_queue_is_kept_as_it_was_said_and_changed_where_it_is_named(shared_agency: Agency):
    terms = {"lease_s": 60, "hold_cap_s": 120, "skills": ["legal"], "languages": ["fr"], "tier": 2, "relax_percent": 10}
    queue = await add_queue(shared_agency, **terms)
    assert {name: queue[name] for name in terms} == terms
    path = f"/owner/v1/queues/{queue['id']}"
    changed = await shared_agency.owner.call("PATCH", path, {"tier": 3, "skills": []}, 200)
    assert changed == queue | {"tier": 3, "skills": []}
    assert await shared_agency.owner.call("GET", path) == changed
    answer = await shared_agency.owner.ask("PATCH", path, {"name": "x"}, if_match='"1"')
    assert answer.status_code == 412


@pytest.mark.parametrize(
    ("patch", "pointers"),
    [
        ({"tier": 0}, ["/tier"]),
        ({"tier": 6, "relax_percent": 101, "skills": ["No"]}, ["/relax_percent", "/skills/0", "/tier"]),
        ({"hold_cap_s": 599}, ["/hold_cap_s"]),
        ({"lease_s": 3_600, "hold_cap_s": 3_599}, ["/hold_cap_s"]),
        ({"code": "other"}, ["/code"]),
    ],
)
async def test_a_queue_is_not_changed_into_nonsense(shared_agency: Agency, patch: Json, pointers: list[str]):
    queue = await add_queue(shared_agency)
    path = f"/owner/v1/queues/{queue['id']}"
    answer = await shared_agency.owner.ask("PATCH", path, patch)
    assert sorted(read_pointers(answer, 422, "invalid")) == pointers
    assert await shared_agency.owner.call("GET", path) == queue


async def test_routing_rules_are_a_list_in_order_that_is_replaced_whole(shared_agency: Agency):
    agency, queue = shared_agency, await add_queue(shared_agency)
    client = await agency.add_client()
    first = {"name": "accounts", "when": {"kind": ["account"]}, "queue": queue["code"], "skills": ["legal"]}
    second = {"name": "its own", "when": {"client": [client.id], "language": ["fr"]}, "queue": "default", "skills": []}
    assert (await put(agency, first, second))["data"] == [first, second]
    third = {"name": "rest", "when": {}, "queue": queue["code"], "skills": []}
    assert await agency.owner.call("POST", "/owner/v1/routing-rules", third, 201) == third
    answer = await agency.owner.ask("GET", "/owner/v1/routing-rules")
    assert answer.json() == {"data": [first, second, third], "next": None}
    etag = answer.headers["etag"]
    assert (await put(agency, third, first, if_match=etag))["data"] == [third, first]
    stale = await agency.owner.ask("PUT", "/owner/v1/routing-rules", {"rules": []}, if_match=etag)
    assert stale.status_code == 412
    assert (await put(agency))["data"] == []


async def test_every_mistake_of_a_list_of_rules_is_told_and_nothing_kept(shared_agency: Agency):
    rules = [
        {"name": "a", "queue": "nowhere"},
        {"name": "b", "queue": "default", "when": {"client": ["cli_x"]}},
    ]
    answer = await shared_agency.owner.ask("PUT", "/owner/v1/routing-rules", {"rules": rules})
    assert read_pointers(answer, 422, "invalid") == ["/rules/0/queue", "/rules/1/when/client/0"]
    shapes = [{"name": "c", "queue": "default", "when": {"kind": ["song"], "tier": [9], "mood": ["blue"]}}]
    answer = await shared_agency.owner.ask("PUT", "/owner/v1/routing-rules", {"rules": shapes})
    pointers = read_pointers(answer, 422, "invalid")
    assert sorted(pointers) == ["/rules/0/when/kind/0", "/rules/0/when/mood", "/rules/0/when/tier/0"]
    answer = await shared_agency.owner.ask("POST", "/owner/v1/routing-rules", rules[0])
    assert read_pointers(answer, 422, "invalid") == ["/queue"]


async def test_a_preview_tells_queue_due_time_and_who_could_decide(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    queue = await add_queue(agency, languages=["fr"])
    rule = {"name": "spam", "when": {"policy": ["spam"]}, "queue": queue["code"], "skills": ["irony"]}
    await agency.add_moderator(name="Iris", languages=["fr"], skills=["irony"])
    await agency.add_moderator(name="Paul", languages=["fr"])
    await agency.add_moderator(name="Dora", languages=["de"])
    asked = {"client": client.id, "language": "fr", "policies": ["spam"], "priority": "urgent"}
    before = await agency.owner.call("POST", "/owner/v1/routing-rules/preview", asked, 200)
    assert (before["queue"], before["rule"]) == ("default", None)
    tried = await agency.owner.call("POST", "/owner/v1/routing-rules/preview", asked | {"rules": [rule]}, 200)
    assert (tried["queue"], tried["rule"]) == (queue["code"], "spam")
    assert tried["needs"] == {"language": "fr", "skills": ["irony"]}
    assert tried["target"] == {"class": "urgent", "seconds": 3_600}
    fits = {one["name"]: (one["fit"], one["on_duty"]) for one in tried["eligible"]}
    assert fits == {"Olga": ("secondary", True), "Iris": ("primary", True), "Paul": ("secondary", True)}
    assert (await agency.owner.call("GET", "/owner/v1/routing-rules"))["data"] == []
    named = await agency.owner.call("POST", "/owner/v1/routing-rules/preview", asked | {"queue": "unscreened"}, 200)
    assert named["queue"] == "unscreened"


async def test_a_preview_of_nobodys_client_is_not_found(shared_agency: Agency):
    answer = await shared_agency.owner.ask("POST", "/owner/v1/routing-rules/preview", {"client": "cli_x"})
    read_problem(answer, 404, "not-found")
