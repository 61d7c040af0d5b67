"""Putting a decision right: whose it is, what the client hears of it, and what it costs."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import open_desk, slug
from tests.support.receiver import open_receiver

REMOVE = {"verdict": "remove", "actions": [{"code": "remove"}], "policies": ["insult"]}
ALLOW = {"verdict": "allow", "reason": "I misread it"}


async def decide_one(desk, **fields):
    """A removal by the desk's moderator."""
    held = await desk.take_one(**fields)
    answer = await desk.moderator.decide(held, **REMOVE)
    assert answer.status_code == 201
    return answer.json()


async def correct(caller, decision, **body):
    return await caller.ask("POST", f"/moderator/v1/decisions/{decision['id']}/correct", ALLOW | body)


async def overrule(client, decision, **body):
    return await client.api.ask("POST", f"/ingest/v1/decisions/{decision['id']}/overrule", ALLOW | body)


async def read_feed(desk, types="decision.made,decision.reversed"):
    await desk.world.drain()
    return (await desk.client.api.call("GET", f"/ingest/v1/events?types={types}"))["data"]


async def count_paid(desk):
    [row] = await desk.fetch(
        "SELECT coalesce(sum(quantity), 0) FROM usage_records WHERE agency_id = $1 AND billable AND meter = 'decision.human'"
    )
    return int(row[0])


async def test_an_own_decision_is_corrected_for_a_quarter_of_an_hour(world):
    desk = await open_desk(world)
    first, second = await decide_one(desk, text="one"), await decide_one(desk, text="two")
    await world.move_clock(timedelta(minutes=14))
    answer = await correct(desk.moderator.caller, first)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    assert (made["reverses"], made["cause"], made["note"]) == (first["id"], "correction", "I misread it")
    item = await desk.client.look(first["item_id"])
    assert (item["decision"]["id"], item["decision"]["verdict"]) == (made["id"], "allow")
    await world.move_clock(timedelta(minutes=16))
    late = await correct(desk.moderator.caller, second)
    assert (late.status_code, slug(late)) == (403, "lead-only")


async def test_a_lead_corrects_anybodys_decision_at_any_time_in_the_clients_served(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    decision = await decide_one(desk)
    lead = await desk.hire(roles=["lead"])
    stranger = await desk.hire(roles=["lead"], clients=[other.id])
    colleague = await desk.hire()
    await world.move_clock(timedelta(days=2))
    assert (await correct(colleague.caller, decision)).status_code == 403
    assert (await correct(stranger.caller, decision)).status_code == 404
    assert (await correct(lead.caller, decision)).status_code == 201


async def test_a_correction_fits_the_catalogue_or_is_refused_with_what_is_allowed(world):
    desk = await open_desk(world)
    decision = await decide_one(desk)
    answer = await correct(desk.moderator.caller, decision, policies=["nonsense"], actions=[{"code": "hide"}])
    assert (answer.status_code, slug(answer)) == (422, "not-in-catalogue")
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/policies/0", "/actions/0/code"]
    assert await desk.count("decisions") == 1


async def test_many_corrections_of_one_decision_make_one(world):
    desk = await open_desk(world)
    decision = await decide_one(desk)
    answers = await asyncio.gather(*(correct(desk.moderator.caller, decision) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert await desk.count("decisions") == 2


async def test_the_client_hears_of_the_correction_and_what_to_undo_and_pays_once(world):
    desk = await open_desk(world)
    decision = await decide_one(desk)
    await correct(desk.moderator.caller, decision)
    made, reversed_ = await read_feed(desk)
    assert (made["type"], reversed_["type"]) == ("decision.made", "decision.reversed")
    assert reversed_["data"]["undo"] == [{"code": "restore", "target": "item"}]
    assert "misread" not in str(reversed_)
    assert await count_paid(desk) == 1


async def test_my_decisions_are_mine_newest_first_with_what_became_of_them(world):
    desk = await open_desk(world)
    colleague = await desk.hire()
    decisions = [await decide_one(desk, text=str(number)) for number in range(3)]
    await desk.receive()
    [theirs] = await colleague.take()
    await colleague.decide(theirs)
    corrected = (await correct(desk.moderator.caller, decisions[0])).json()
    seen, after = [], ""
    while after is not None:
        page = await desk.moderator.caller.call("GET", f"/moderator/v1/decisions?limit=2{after and f'&after={after}'}")
        seen += page["data"]
        after = page["next"]
    assert [one["id"] for one in seen] == [corrected["id"], *(one["id"] for one in decisions[::-1])]
    assert (seen[-1]["reversed_by"], seen[-1]["correctable_until"]) == (corrected["id"], None)
    assert seen[1]["correctable_until"] is not None


# --- Nothing leaves before its time


@pytest.fixture
async def patient(world):
    """A desk whose decisions wait ten minutes, with a receiver that hears everything."""
    async with open_receiver() as receiver:
        desk = await open_desk(world)
        await desk.client.add_endpoint(receiver.url, ["decision.made", "decision.reversed"])
        await desk.agency.owner.call("PATCH", desk.client.base, {"send_after_s": 600}, 200)
        yield desk, receiver


async def test_a_decision_that_waits_is_told_to_nobody_and_then_to_everybody(world, patient):
    desk, receiver = patient
    decision = await decide_one(desk)
    await world.drain()
    assert receiver.calls == []
    assert await read_feed(desk) == []
    item = await desk.client.look(decision["item_id"])
    assert (item["state"], item["decision"]) == ("in_review", None)
    assert decision["id"] not in str(item)
    await world.move_clock(timedelta(seconds=601))
    await world.drain()
    [told] = receiver.calls
    assert told.body["data"]["decision"]["id"] == decision["id"]
    assert [one["data"]["decision"]["id"] for one in await read_feed(desk)] == [decision["id"]]
    assert (await desk.client.look(decision["item_id"]))["decision"]["id"] == decision["id"]


async def test_a_correction_in_time_is_all_that_ever_leaves(world, patient):
    desk, receiver = patient
    decision = await decide_one(desk)
    corrected = (await correct(desk.moderator.caller, decision)).json()
    await world.move_clock(timedelta(seconds=1_300))
    await world.drain()
    [told] = receiver.calls
    assert (told.body["type"], told.body["data"]["decision"]["id"]) == ("decision.made", corrected["id"])
    assert [one["data"]["decision"]["id"] for one in await read_feed(desk)] == [corrected["id"]]
    item = await desk.client.look(decision["item_id"])
    assert item["decision"]["id"] == corrected["id"]
    assert decision["id"] not in str(item)
    assert await count_paid(desk) == 1


async def test_a_correction_after_it_left_is_a_reversal(world, patient):
    desk, receiver = patient
    decision = await decide_one(desk)
    await world.move_clock(timedelta(seconds=700))
    await world.drain()
    await correct(desk.moderator.caller, decision)
    await world.drain()
    assert [one.body["type"] for one in receiver.calls] == ["decision.made", "decision.reversed"]


async def test_what_rules_decide_does_not_wait(world, patient):
    desk, receiver = patient
    rules = {
        "format": "veilleur.rules/v1", "schema": "item/v1", "name": "all", "fallback": {"verdict": "allow"}, "rules": [],
    }  # fmt: skip
    await desk.client.publish(rules)
    [item] = await desk.receive()
    await world.drain()
    assert [one.body["data"]["item"]["id"] for one in receiver.calls] == [item]


# --- The client's last word


async def test_the_client_overrules_with_its_own_key_and_pays_what_was_done(world):
    desk = await open_desk(world)
    decision = await decide_one(desk, author={"external_id": "u_1"})
    answer = await overrule(desk.client, decision)
    assert answer.status_code == 201, answer.text
    assert (answer.json()["reverses"], answer.json()["cause"]) == (decision["id"], "client")
    item = await desk.client.look(decision["item_id"])
    assert item["decision"]["verdict"] == "allow"
    assert await count_paid(desk) == 1
    assert await desk.count("usage_records", "reason = 'overruled_by_client'") == 1
    again = await overrule(desk.client, decision)
    assert (again.status_code, slug(again)) == (409, "already-reversed")


async def test_another_client_and_a_key_without_the_scope_overrule_nothing(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    decision = await decide_one(desk)
    assert (await overrule(other, decision)).status_code == 404
    body = {"kind": "api_key", "name": "reader", "scopes": ["items:read"]}
    key = await desk.agency.owner.call("POST", f"{desk.client.base}/credentials", body, 201)
    reader = type(desk.client.api)(desk.client.http, key["api_key"])
    answer = await reader.ask("POST", f"/ingest/v1/decisions/{decision['id']}/overrule", ALLOW)
    assert (answer.status_code, slug(answer)) == (403, "missing-scope")
    assert await desk.count("decisions") == 1


async def test_an_overruled_decision_is_no_longer_the_moderators_to_correct(world):
    desk = await open_desk(world)
    decision = await decide_one(desk)
    await overrule(desk.client, decision)
    answer = await correct(desk.moderator.caller, decision)
    assert (answer.status_code, slug(answer)) == (409, "already-reversed")
