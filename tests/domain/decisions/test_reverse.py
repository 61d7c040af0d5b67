"""The door for every changed mind: what follows from it is true together, once, and only for what stands."""

import asyncio

import jsonschema_rs
import pytest
from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError

from tests.support.desk import ASK_RULES, open_desk, refused_decisions
from tests.support.receiver import open_receiver
from veilleur.domain.decisions.models import Decision
from veilleur.domain.decisions.policy import Ruling
from veilleur.domain.decisions.reverse import Reversal, reverse_decisions
from veilleur.domain.intake.models import Item
from veilleur.kernel.errors import Conflict
from veilleur.kernel.ids import read_id, show_id
from veilleur_api.callbacks import CALLBACKS

ALLOW = Ruling("allow", (), ())
HIDE = Ruling("restrict", ({"code": "hide", "target": "item"},), ("insult",))
ALL_TIME = "from=2020-01-01&to=2040-01-01"
EFFECTS = ("decisions", "usage_records", "audit_entries", "events", "deliveries")


async def reverse(desk, *decision_ids, ruling=ALLOW, cause="rule", **more):
    """The first decision of each item unless told which."""
    async with desk.world.worker.database.transaction(desk.scope) as session:
        present = (await session.execute(select(func.app_now()))).scalar_one()
        reversals = []
        for shown in decision_ids:
            decision = await session.get_one(Decision, (desk.agency_id, read_id("dec", shown)))
            item = await session.get_one(Item, (desk.agency_id, decision.item_id))
            reversals.append(Reversal(item, decision, ruling, cause, **more))
        made = await reverse_decisions(session, desk.agency_id, reversals, present)
        return [show_id("dec", one.id) for one in made]


async def remove(desk, **fields):
    """An item that rules removed, and the decision about it."""
    [item_id] = await desk.receive(text="bad", **fields)
    return item_id, (await desk.client.look(item_id))["decision"]["id"]


async def sums(desk):
    path = f"/owner/v1/usage?{ALL_TIME}&client={desk.client.id}"
    usage = await desk.agency.owner.call("GET", path, status=200)
    return {row["meter"]: row["quantity"] for row in usage["data"]}


async def test_the_new_decision_stands_and_the_history_tells_both(world):
    desk = await open_desk(world, ASK_RULES)
    item_id, old = await remove(desk)
    [new] = await reverse(desk, old)
    item = await desk.client.look(item_id)
    assert (item["state"], item["decision"]["id"], item["decision"]["verdict"]) == ("decided", new, "allow")
    assert item["decision"]["matched_rules"] == []
    made, reversed_ = item["history"][1:]
    assert (made["type"], made["decision"], made["verdict"]) == ("decision.made", old, "remove")
    assert {name: reversed_[name] for name in ("type", "decision", "reverses", "cause", "verdict")} == {
        "type": "decision.reversed", "decision": new, "reverses": old, "cause": "rule", "verdict": "allow",
    }  # fmt: skip
    rows = await desk.fetch("SELECT * FROM decisions WHERE agency_id = $1 ORDER BY sequence")
    assert [(row["reverses"], row["reversed_by"]) for row in rows] == [
        (None, rows[1]["id"]),
        (rows[0]["id"], None),
    ]


async def test_the_client_is_told_what_to_undo(world):
    desk = await open_desk(world, ASK_RULES)
    async with open_receiver() as receiver:
        endpoint = await desk.client.add_endpoint(receiver.url, ["decision.reversed"])
        item_id, old = await remove(desk, author={"external_id": "u_1"})
        [new] = await reverse(desk, old)
        await desk.world.drain()
    [call] = receiver.calls
    assert call.is_signed_with(endpoint["secret"])
    told = call.body
    shape = CALLBACKS["webhooks"]["decision.reversed"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    validator = jsonschema_rs.Draft202012Validator({**shape, "components": CALLBACKS["components"]})
    assert [str(error) for error in validator.iter_errors(told)] == []
    data = told["data"]
    assert (told["type"], data["decision"]["id"], data["reverses"]) == ("decision.reversed", new, old)
    assert data["undo"] == [{"code": "restore", "target": "item"}]
    assert (data["cause"], data["sequence"], data["item"]["id"]) == ("rule", 2, item_id)
    feed = await desk.client.api.call("GET", "/ingest/v1/events?types=decision.reversed", status=200)
    assert [event["data"] for event in feed["data"]] == [data]


async def test_a_rules_decision_is_taken_off_the_bill(world):
    desk = await open_desk(world, ASK_RULES)
    _, first = await remove(desk)
    await remove(desk)
    await reverse(desk, first)
    assert await sums(desk) == {"items.received": "2", "decision.auto": "1"}


async def test_a_client_pays_for_what_it_overruled(world):
    desk = await open_desk(world, ASK_RULES)
    held = await desk.take_one(text="doubtful")
    made = (await desk.moderator.decide(held, "remove", policies=["insult"])).json()
    await reverse(desk, made["id"], cause="client")
    assert (await sums(desk))["decision.human"] == "1"
    path = f"/owner/v1/usage/records?{ALL_TIME}&client={desk.client.id}&billable=all"
    records = (await desk.agency.owner.call("GET", path, status=200))["data"]
    assert [one["quantity"] for one in records if one["reason"] == "overruled_by_client"] == ["0"]


async def test_an_own_correction_is_not_paid_twice(world):
    desk = await open_desk(world, ASK_RULES)
    held = await desk.take_one(text="doubtful")
    made = (await desk.moderator.decide(held, "remove", policies=["insult"])).json()
    [row] = await desk.fetch("SELECT member_id FROM decisions WHERE agency_id = $1")
    await reverse(desk, made["id"], ruling=HIDE, cause="correction", member_id=row["member_id"], explanation="Too hard")
    assert (await sums(desk))["decision.human"] == "1"
    item = await desk.client.look(held["item"]["id"])
    assert (item["decision"]["verdict"], item["decision"]["automated"]) == ("restrict", False)
    assert item["decision"]["reason"]["text"] == "Too hard"
    [entry] = await desk.fetch("SELECT * FROM audit_entries WHERE agency_id = $1 AND action = 'decision.reversed'")
    assert entry["actor"] == show_id("mem", row["member_id"])


async def test_what_was_reversed_can_not_be_reversed_again_but_its_reversal_can(world):
    desk = await open_desk(world, ASK_RULES)
    item_id, old = await remove(desk)
    [new] = await reverse(desk, old)
    with pytest.raises(Conflict) as refused:
        await reverse(desk, old, cause="client")
    assert refused.value.slug == "already-reversed"
    [newest] = await reverse(desk, new, ruling=HIDE, cause="client")
    assert (await desk.client.look(item_id))["decision"]["id"] == newest


async def test_many_are_reversed_together_or_not_at_all(world):
    desk = await open_desk(world, ASK_RULES)
    pairs = [await remove(desk) for _ in range(3)]
    await reverse(desk, pairs[1][1])
    before = {table: await desk.count(table) for table in EFFECTS}
    with pytest.raises(Conflict):
        await reverse(desk, *(decision for _, decision in pairs))
    assert {table: await desk.count(table) for table in EFFECTS} == before
    await reverse(desk, pairs[0][1], pairs[2][1])
    assert [(await desk.client.look(item))["decision"]["verdict"] for item, _ in pairs] == ["allow"] * 3


async def test_two_at_once_reverse_once(world):
    desk = await open_desk(world, ASK_RULES)
    _, old = await remove(desk)
    outcomes = await asyncio.gather(*(reverse(desk, old) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in outcomes) == 3
    assert await desk.count("decisions") == 2
    assert await sums(desk) == {"items.received": "1"} | {"decision.auto": "0"}


async def test_what_was_decided_again_stands_in_the_way(world):
    """The first decision about a revision is no longer what counts once there is a second."""
    desk = await open_desk(world, ASK_RULES)
    held = await desk.take_one(text="doubtful", external_id="c_1")
    first = (await desk.moderator.decide(held, "allow")).json()["id"]
    report = {"source": "user", "reason": "insult", "reporter": {"external_id": "u_2"}}
    await desk.client.send({"external_id": "c_1", "report": report}, "item.reported")
    await desk.world.drain()
    [held] = await desk.moderator.take()
    await desk.moderator.decide(held, "remove", policies=["insult"])
    with pytest.raises(Conflict):
        await reverse(desk, first, cause="correction")


async def test_a_decision_about_an_older_revision_leaves_the_newer_one_in_force(world):
    desk = await open_desk(world, ASK_RULES)
    item_id, old = await remove(desk, external_id="c_1")
    await desk.client.send({"external_id": "c_1", "text": "fine now"})
    await desk.world.drain()
    standing = (await desk.client.look(item_id))["decision"]["id"]
    [new] = await reverse(desk, old)
    item = await desk.client.look(item_id)
    assert (item["decision"]["id"], item["decision"]["verdict"]) == (standing, "allow")
    [told] = await desk.fetch("SELECT body::json FROM events WHERE agency_id = $1 AND type = 'decision.reversed'")
    assert f'"id":"{new}"' in told["body"]
    assert '"revision":1' in told["body"]


async def test_nothing_is_left_of_a_reversal_that_the_database_refuses(world):
    desk = await open_desk(world, ASK_RULES)
    item_id, old = await remove(desk)
    before = {table: await desk.count(table) for table in EFFECTS}
    async with refused_decisions(desk, at_commit=True):
        with pytest.raises(DBAPIError):
            await reverse(desk, old)
    assert {table: await desk.count(table) for table in EFFECTS} == before
    assert (await desk.client.look(item_id))["decision"]["id"] == old


async def test_a_test_items_reversal_costs_nothing(world):
    desk = await open_desk(world, ASK_RULES)
    path = f"/owner/v1/clients/{desk.client.id}/sources/{desk.client.source['id']}"
    await desk.agency.owner.call("PATCH", path, {"mode": "test"}, 200)
    [item_id] = await desk.receive(text="veilleur:remove")
    await reverse(desk, (await desk.client.look(item_id))["decision"]["id"])
    assert await desk.count("usage_records") == 0
