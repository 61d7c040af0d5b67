"""What a client's rules may do by themselves, changed at two in the morning."""

import pytest

from tests.support.desk import ASK_RULES, open_desk


async def put(desk, mode, client=None, status=200):
    path = f"{(client or desk.client).base}/automation"
    return await desk.agency.owner.call("PUT", path, {"mode": mode, "reason": "a bad rule"}, status)


async def state_of(desk, item):
    shown = await desk.client.look(item)
    return shown["state"], (shown["decision"] or {}).get("verdict")


async def test_rules_act_until_they_are_told_not_to(world):
    desk = await open_desk(world, ASK_RULES)
    path = f"{desk.client.base}/automation"
    assert await desk.agency.owner.call("GET", path) == {"mode": "act", "reason": None, "by": None, "at": None}
    told = await put(desk, "advise")
    assert (told["mode"], told["reason"], told["by"][:4]) == ("advise", "a bad rule", "mem_")
    assert await desk.agency.owner.call("GET", path) == told
    [deed] = await desk.fetch("SELECT * FROM audit_entries WHERE agency_id = $1 AND action = 'automation.changed'")
    assert deed["actor"] == told["by"]


async def test_advice_becomes_a_case_with_what_the_rules_would_do(world):
    desk = await open_desk(world, ASK_RULES)
    await put(desk, "advise")
    [bad] = await desk.receive(text="this is bad")
    [fine] = await desk.receive(text="fine")
    assert await state_of(desk, bad) == ("in_review", None)
    assert await state_of(desk, fine) == ("decided", "allow")
    [held] = await desk.moderator.take()
    assert (held["item"]["id"], held["case"]["reason"]) == (bad, "advice")
    assert held["case"]["suggestion"] == {
        "verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["insult"],
    }  # fmt: skip
    assert held["why"] == [{"rule": "bad", "spans": [[8, 11]]}]
    made = (await desk.moderator.decide(held, "allow")).json()
    assert (made["automated"], made["automated_detection"]) == (False, True)


async def test_off_asks_no_rule_and_says_so(world):
    desk = await open_desk(world, ASK_RULES)
    await put(desk, "off")
    items = [*await desk.receive(text="bad"), *await desk.receive(text="fine")]
    assert [await state_of(desk, item) for item in items] == [("in_review", None)] * 2
    held = await desk.moderator.take(2)
    assert {(one["case"]["reason"], one["case"]["suggestion"]) for one in held} == {("rules_off", None)}
    assert [one["why"] for one in held] == [[], []]
    [row] = await desk.fetch("SELECT DISTINCT rule_set_version FROM evaluations WHERE agency_id = $1")
    assert row["rule_set_version"] is None


async def test_a_change_holds_for_the_next_batch_and_for_this_client_alone(world):
    desk = await open_desk(world, ASK_RULES)
    other = await desk.agency.add_client(ASK_RULES)
    [before] = await desk.receive(text="bad")
    waiting = (await desk.client.accept(text="bad"))["id"]
    await put(desk, "off")
    elsewhere = (await other.accept(text="bad"))["id"]
    await desk.world.drain()
    assert [await state_of(desk, item) for item in (before, waiting)] == [("decided", "remove"), ("in_review", None)]
    assert (await other.look(elsewhere))["decision"]["verdict"] == "remove"
    await put(desk, "act")
    [after] = await desk.receive(text="bad")
    assert await state_of(desk, after) == ("decided", "remove")


@pytest.mark.parametrize(
    ("body", "pointers"),
    [({}, ["/mode", "/reason"]), ({"mode": "on", "reason": ""}, ["/mode", "/reason"])],
)
async def test_a_mode_needs_a_reason(world, body, pointers):
    desk = await open_desk(world)
    answer = await desk.agency.owner.ask("PUT", f"{desk.client.base}/automation", body)
    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, pointers)
