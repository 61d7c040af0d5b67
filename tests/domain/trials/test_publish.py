"""Publishing: at once, with a second person, back again; and what is published counts from the next item on."""

import asyncio
from contextlib import suppress

import pytest

from tests.domain.trials.rule_sets import ask, rules, save
from tests.support.desk import ASK_RULES, open_desk, slug
from veilleur.domain.trials.blast import ENOUGH
from veilleur.domain.trials.rollback import step_back
from veilleur_worker.drains import Drains
from veilleur_worker.schedule import sweep_forever


async def roll_back(desk, **body):
    path = f"{desk.client.base}/rule-sets/rollback"
    return await desk.agency.owner.ask("POST", path, {"reason": "it removes greetings"} | body)


async def history(desk):
    rows = (await desk.agency.owner.call("GET", f"{desk.client.base}/rule-sets"))["data"]
    return {row["version"]: row for row in rows}


async def verdict_on(desk, text):
    (item_id,) = await desk.receive(text=text)
    return (await desk.client.look(item_id))["decision"]


async def test_without_traffic_a_version_is_published_at_once(world):
    desk = await open_desk(world, ASK_RULES)
    answer = await ask(desk, await save(desk, rules("fine")), "publish")
    assert (answer.status_code, answer.json()["state"]) == (200, "published")
    assert answer.json()["blast"]["contexts"] == 0


async def test_a_change_of_much_of_the_traffic_waits_for_a_second_person(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(ENOUGH, text="hello there")
    wide = await save(desk, rules("hello"))
    held = await ask(desk, wide, "publish")
    assert (held.status_code, held.json()["state"]) == (202, "pending")
    assert held.json()["blast"]["acts_newly"]["value"] == 1.0
    assert held.headers["location"] == held.json()["approve"]
    assert (await verdict_on(desk, "hello there"))["verdict"] == "allow"
    for caller in (desk.agency.owner, await desk.agency.add_moderator(roles=["moderator"])):
        refused = await ask(desk, wide, "approve", caller)
        assert refused.status_code in (403, 409)
    lead = await desk.agency.add_moderator(roles=["lead"])
    approved = await ask(desk, wide, "approve", lead)
    assert (approved.status_code, approved.json()["state"]) == (200, "published")
    assert approved.json()["approved_by"] != approved.json()["published_by"]
    assert (await verdict_on(desk, "hello there"))["verdict"] == "remove"
    deeds = await desk.fetch(
        "SELECT action FROM audit_entries WHERE agency_id = $1 AND action LIKE 'rule_set.p%' ORDER BY at"
    )
    assert [row["action"] for row in deeds][-2:] == ["rule_set.publish_requested", "rule_set.published"]


async def test_no_longer_acting_on_much_of_the_traffic_waits_too(world):
    desk = await open_desk(world, rules("hello"))
    await desk.receive(ENOUGH, text="hello there")
    held = await ask(desk, await save(desk, ASK_RULES), "publish")
    assert held.status_code == 202
    assert held.json()["blast"]["acts_no_more"]["hits"] == ENOUGH


async def test_a_narrow_change_and_a_client_with_a_wider_limit_do_not_wait(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(ENOUGH, text="hello there")
    narrow = await ask(desk, await save(desk, rules("goodbye")), "publish")
    assert (narrow.status_code, narrow.json()["blast"]["contexts"]) == (200, ENOUGH)
    await desk.agency.owner.call("PATCH", desk.client.base, {"blast_limit_percent": 100})
    assert (await ask(desk, await save(desk, rules("hello")), "publish")).status_code == 200


async def test_an_approval_does_not_outlive_the_version_it_was_measured_against(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(ENOUGH, text="hello there")
    wide = await save(desk, rules("hello"))
    await ask(desk, wide, "publish")
    await ask(desk, await save(desk, rules("other")), "publish")
    lead = await desk.agency.add_moderator(roles=["lead"])
    assert slug(await ask(desk, wide, "approve", lead)) == "stale-approval"
    assert slug(await ask(desk, 1, "approve", lead)) == "not-pending"


async def test_a_rollback_puts_the_version_before_in_force_at_once_and_twice_goes_two_back(world):
    desk = await open_desk(world, rules("one"))
    await desk.client.publish(rules("two"))
    await desk.client.publish(rules("three"))
    await desk.receive(ENOUGH, text="two")
    assert (await verdict_on(desk, "three"))["verdict"] == "remove"
    back = (await roll_back(desk)).json()
    assert (back["version"], back["restores"], back["state"], back["note"]) == (
        4,
        2,
        "published",
        "it removes greetings",
    )
    decision = await verdict_on(desk, "two")
    assert (decision["verdict"], decision["rule_set_version"]) == ("remove", 4)
    assert (await roll_back(desk)).json()["restores"] == 1
    assert slug(await roll_back(desk)) == "nothing-to-roll-back"
    rows = await history(desk)
    assert [rows[number]["state"] for number in range(1, 6)] == ["retired"] * 4 + ["published"]
    assert await desk.count("audit_entries", "action = 'rule_set.rolled_back'") == 2


async def test_a_rollback_may_name_its_version_which_must_have_been_in_force(world):
    desk = await open_desk(world, rules("one"))
    await desk.client.publish(rules("two"))
    draft = await save(desk, rules("three"))
    assert slug(await roll_back(desk, to=draft)) == "never-published"
    assert slug(await roll_back(desk, to=2)) == "nothing-to-roll-back"
    assert (await roll_back(desk, to=99)).status_code == 404
    assert (await roll_back(desk, to=1)).json()["restores"] == 1


@pytest.mark.parametrize(
    ("timeline", "before"),
    [
        ([], None),
        ([(1, None)], None),
        ([(1, None), (2, None)], 1),
        ([(1, None), (2, None), (3, 1)], None),
        ([(1, None), (2, None), (3, 1), (4, None)], 1),
        ([(1, None), (2, None), (3, None), (4, 2)], 1),
    ],
)
def test_going_back_undoes_and_never_returns_to_what_was_left(timeline, before):
    assert step_back(timeline) == before


async def test_the_difference_of_two_versions_is_told_by_rule_and_list(world):
    desk = await open_desk(world, ASK_RULES)
    version = await save(desk, rules("worse", title="New"))
    path = f"{desk.client.base}/rule-sets"
    shown = await desk.agency.owner.call("GET", f"{path}/{version}/diff")
    assert (shown["version"], shown["with"]) == (2, 1)
    (changed,) = shown["lists"]["changed"]
    assert (changed["id"], changed["entries"]["added"], changed["entries"]["removed"]) == ("bad", ["worse"], ["bad"])
    assert shown["other"] == [{"field": "title", "before": None, "after": "New"}]
    assert (await desk.agency.owner.call("GET", f"{path}/{version}/diff?with={version}"))["same"]
    assert (await desk.agency.owner.ask("GET", f"{path}/{version}/diff?with=77")).status_code == 404
    beyond = await desk.agency.owner.call("GET", f"{path}/{2**31}", status=404)
    assert beyond["detail"] == f"There is no version {2**31} here"


async def test_what_is_published_counts_for_the_next_item_although_the_worker_ran_the_version_before(world):
    """With the worker's own loops, in real time: no process keeps on believing in an older version."""
    desk = await open_desk(world, rules("one"))
    worker = asyncio.create_task(sweep_forever(world.worker, Drains(world.worker)))
    try:
        assert (await wait_for_decision(desk, "hello"))["rule_set_version"] == 1
        version = await desk.client.publish(rules("hello"))
        decision = await wait_for_decision(desk, "hello")
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker
    assert (decision["verdict"], decision["rule_set_version"]) == ("remove", version)


async def wait_for_decision(desk, text):
    receipt = await desk.client.accept(text)
    for _ in range(400):
        seen = await desk.client.look(receipt["id"])
        if seen["state"] != "received":
            break
        await asyncio.sleep(0.05)
    return seen["decision"]
