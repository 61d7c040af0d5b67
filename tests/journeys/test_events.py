"""Edits, deletions, reports, modes and the feed, as a client lives them."""

import asyncio
from typing import Any

import pytest

from tests.support.people import Agency, Client, Json, unique
from tests.support.world import World

RULES: Json = {
    "format": "veilleur.rules/v1",
    "name": "r",
    "lists": {
        "bad": {"kind": "phrases", "entries": ["vilain"]},
        "doubtful": {"kind": "phrases", "entries": ["douteux"]},
    },
    "rules": [
        {
            "id": "bad",
            "title": "bad",
            "mode": "live",
            "severity": 50,
            "when": {"all": ["hits('bad') > 0"]},
            "then": {"verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["insult"]},
        },
        {
            "id": "doubtful",
            "title": "doubtful",
            "mode": "live",
            "severity": 40,
            "when": {"all": ["hits('doubtful') > 0"]},
            "then": {"escalate": {"queue": "default", "priority": "high"}, "policies": ["insult"]},
        },
    ],
}


@pytest.fixture
async def agency(world: World) -> Agency:
    return await world.operator.found_agency()


@pytest.fixture
async def client(agency: Agency) -> Client:
    return await agency.add_client(RULES)


async def send(client: Client, event_type: str, data: Json) -> Json:
    answer = await client.send(data, event_type)
    assert answer.status_code == 202, answer.text
    receipt: Json = answer.json()["items"][0]
    return receipt


def report(external_id: str, reporter: str = "u_1", source: str = "user", **more: Any) -> Json:
    detail = {"source": source, "reason": "insult", "reporter": {"external_id": reporter}}
    return {"external_id": external_id, "report": detail} | more


async def test_an_edit_of_a_decided_item_is_decided_again(world: World, client: Client) -> None:
    first = await client.accept("Bonjour", external_id="c1")
    await world.drain()
    assert (await client.look(first["id"]))["decision"]["verdict"] == "allow"
    again = await send(client, "item.updated", {"external_id": "c1", "text": "vilain"})
    assert (again["id"], again["revision"], again["status"]) == (first["id"], 2, "accepted")
    await world.drain()
    item = await client.look(first["id"])
    assert (item["decision"]["verdict"], item["revision"]) == ("remove", 2)
    kinds = [event["type"] for event in item["history"]]
    assert kinds.count("decision.made") == 2
    assert "item.updated" in kinds


async def test_an_edit_during_review_reaches_the_moderator(world: World, agency: Agency, client: Client) -> None:
    moderator = await agency.add_moderator()
    await client.accept("douteux", external_id="c1")
    await world.drain()
    held = (await moderator.call("POST", "/moderator/v1/assignments", {"hold": 1}))["assignments"][0]
    await send(client, "item.updated", {"external_id": "c1", "text": "toujours douteux"})
    await world.drain()
    decision = {"fence": held["fence"], "revision": 1, "verdict": "allow", "actions": [], "policies": []}
    refused = await moderator.call("POST", f"/moderator/v1/assignments/{held['id']}/decision", decision, 409)
    assert refused["type"].endswith(":item-changed")
    assert refused["item"]["text"] == "toujours douteux"
    await moderator.call("POST", f"/moderator/v1/assignments/{held['id']}/decision", decision | {"revision": 2}, 201)


async def test_an_edit_that_rules_decide_takes_the_case_away(world: World, agency: Agency, client: Client) -> None:
    moderator = await agency.add_moderator()
    receipt = await client.accept("douteux", external_id="c1")
    await world.drain()
    held = (await moderator.call("POST", "/moderator/v1/assignments", {"hold": 1}))["assignments"][0]
    await send(client, "item.updated", {"external_id": "c1", "text": "vilain"})
    await world.drain()
    assert (await client.look(receipt["id"]))["decision"]["automated"]
    decision = {"fence": held["fence"], "revision": 2, "verdict": "allow", "actions": [], "policies": []}
    refused = await moderator.call("POST", f"/moderator/v1/assignments/{held['id']}/decision", decision, 409)
    assert refused["type"].endswith(("item-withdrawn", "already-decided"))


async def test_a_deletion_closes_the_case_and_bills_the_receipt_only(
    world: World, agency: Agency, client: Client
) -> None:
    receipt = await client.accept("douteux", external_id="c1")
    await world.drain()
    gone = await send(client, "item.deleted", {"external_id": "c1"})
    assert (gone["id"], gone["status"]) == (receipt["id"], "accepted")
    assert (await client.look(receipt["id"]))["state"] == "deleted"
    await world.drain()
    item = await client.look(receipt["id"])
    assert (item["state"], item["decision"], item["clocks"][0]["state"]) == ("deleted", None, "cancelled")
    assert (await send(client, "item.deleted", {"external_id": "c1"}))["status"] == "duplicate"
    usage = await agency.owner.call("GET", "/owner/v1/usage?billable=all")
    assert [(row["meter"], row["quantity"]) for row in usage["data"]] == [("items.received", "1")]


async def test_a_straggler_after_a_deletion_changes_nothing(world: World, client: Client) -> None:
    await send(client, "item.deleted", {"external_id": "never-seen"})
    late = await send(client, "item.created", {"external_id": "never-seen", "text": "Bonjour"})
    assert late["status"] == "superseded"
    back = await send(client, "item.updated", {"external_id": "never-seen", "text": "Bonjour", "revision": 7})
    assert (back["status"], back["revision"]) == ("accepted", 7)
    await world.drain()
    assert (await client.look(back["id"]))["state"] == "decided"


async def test_reports_by_many_are_one_case_that_shows_them_all(world: World, agency: Agency, client: Client) -> None:
    moderator = await agency.add_moderator()
    receipt = await client.accept("Bonjour", external_id="c1")
    await world.drain()
    assert (await send(client, "item.reported", report("c1", "u_1")))["status"] == "accepted"
    assert (await send(client, "item.reported", report("c1", "u_2", "trusted_flagger")))["status"] == "accepted"
    assert (await send(client, "item.reported", report("c1", "u_1")))["status"] == "duplicate"
    await world.drain()
    assert (await client.look(receipt["id"]))["state"] == "in_review"
    held = (await moderator.call("POST", "/moderator/v1/assignments", {"hold": 5}))["assignments"]
    assert len(held) == 1
    assert [one["reporter"]["external_id"] for one in held[0]["case"]["reports"]] == ["u_1", "u_2"]
    assert (held[0]["case"]["priority"], held[0]["case"]["reason"]) == ("high", "reported")
    decision = {"fence": held[0]["fence"], "revision": 1, "verdict": "allow", "actions": [], "policies": []}
    await moderator.call("POST", f"/moderator/v1/assignments/{held[0]['id']}/decision", decision, 201)
    assert (await client.look(receipt["id"]))["state"] == "decided"


async def test_a_report_of_a_removed_item_opens_nothing(world: World, client: Client) -> None:
    receipt = await client.accept("vilain", external_id="c1")
    await world.drain()
    await send(client, "item.reported", report("c1"))
    await world.drain()
    item = await client.look(receipt["id"])
    assert (item["state"], item["case"], item["decision"]["verdict"]) == ("decided", None, "remove")


async def test_a_report_of_an_unknown_item_needs_its_content(world: World, client: Client) -> None:
    refused = await client.send(report("unknown"), "item.reported")
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "/data/text"
    taken = await send(client, "item.reported", report("unknown", text="Bonjour"))
    assert taken["status"] == "accepted"
    await world.drain()
    assert (await client.look(taken["id"]))["state"] == "in_review"


async def test_a_test_key_gets_fixed_outcomes_without_human_or_bill(
    world: World, agency: Agency, client: Client
) -> None:
    body = {"kind": "api_key", "name": "test", "scopes": ["ingest:write", "items:read"], "test": True}
    key = await agency.owner.call("POST", f"{client.base}/credentials", body, 201)
    assert key["api_key"].startswith("vl_test_")
    tester = type(client.api)(client.http, key["api_key"])
    items = [{"external_id": unique("t"), "text": f"veilleur:{outcome}"} for outcome in ("allow", "remove", "review")]
    sent = await tester.call("POST", "/ingest/v1/items", {"source": client.source["id"], "items": items}, 202)
    await world.drain()
    seen = [await client.look(receipt["id"]) for receipt in sent["items"]]
    assert [item["state"] for item in seen] == ["decided", "decided", "in_review"]
    assert [item["decision"]["verdict"] for item in seen[:2]] == ["allow", "remove"]
    moderator = await agency.add_moderator()
    assert (await moderator.call("POST", "/moderator/v1/assignments", {"hold": 1}))["assignments"] == []
    assert (await agency.owner.call("GET", "/owner/v1/usage?billable=all"))["data"] == []
    feed = await client.api.call("GET", "/ingest/v1/events")
    assert sorted(event["type"] for event in feed["data"]) == ["decision.made", "decision.made", "item.held"]


async def test_an_observed_source_judges_and_does_nothing(world: World, agency: Agency, client: Client) -> None:
    await agency.owner.call("PATCH", f"{client.base}/sources/{client.source['id']}", {"mode": "observe"})
    world.parts.lookups.forget()
    bad, doubtful = await client.accept("vilain"), await client.accept("douteux")
    await world.drain()
    assert (await client.look(bad["id"]))["observed"]["verdict"] == "remove"
    assert (await client.look(doubtful["id"]))["observed"]["escalate"]["priority"] == "high"
    assert (await client.look(doubtful["id"]))["case"] is None
    assert (await client.api.call("GET", "/ingest/v1/events"))["data"] == []
    assert (await agency.owner.call("GET", "/owner/v1/usage?billable=all"))["data"] == []


async def test_a_paused_source_takes_nothing_in(world: World, agency: Agency, client: Client) -> None:
    await agency.owner.call("PATCH", f"{client.base}/sources/{client.source['id']}", {"mode": "paused"})
    world.parts.lookups.forget()
    refused = await client.send({"external_id": "c1", "text": "Bonjour"})
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")


async def test_the_feed_has_every_event_once_and_in_order(world: World, client: Client) -> None:
    for number in range(5):
        await client.accept(f"Bonjour {number}")
    await world.drain()
    first = await client.api.call("GET", "/ingest/v1/events?limit=3")
    assert len(first["data"]) == 3
    rest = await client.api.call("GET", f"/ingest/v1/events?after={first['next']}")
    assert len(rest["data"]) == 2
    nothing = await client.api.call("GET", f"/ingest/v1/events?after={rest['next']}")
    assert (nothing["data"], nothing["next"]) == ([], rest["next"])
    none = await client.api.call("GET", "/ingest/v1/events?types=ping")
    assert (none["data"], none["next"]) == ([], rest["next"])
    ids = [event["id"] for event in first["data"] + rest["data"]]
    assert len(set(ids)) == 5


async def test_prefer_wait_answers_with_the_decisions(world: World, client: Client) -> None:
    body = {"source": client.source["id"], "items": [{"external_id": unique("w"), "text": "vilain"}]}
    asking = asyncio.create_task(client.api.ask("POST", "/ingest/v1/items", body, prefer="wait=5"))
    await asyncio.sleep(0.2)
    await world.drain()
    answer = await asking
    assert answer.status_code == 200
    assert answer.json()["items"][0]["decision"]["verdict"] == "remove"
    body["items"][0] = {"external_id": unique("w"), "text": "douteux"}
    late = await client.api.ask("POST", "/ingest/v1/items", body, prefer="wait=1")
    assert late.status_code == 202


async def test_a_key_can_ask_what_it_may_do(client: Client) -> None:
    me = await client.api.call("GET", "/ingest/v1/me")
    assert (me["client"]["id"], me["sources"][0]["id"]) == (client.id, client.source["id"])
    assert "items:read" in me["credential"]["scopes"]
    assert me["credential"]["scopes"] == sorted(me["credential"]["scopes"])
    catalogue = await client.api.call("GET", "/ingest/v1/catalogue")
    assert "hide" in {action["code"] for action in catalogue["actions"]}
