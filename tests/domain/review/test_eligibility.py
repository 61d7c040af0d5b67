"""Whom a case is handed to: skills, languages, tiers, and what gives way when time runs short."""

import copy
from datetime import timedelta

import pytest

from tests.support.desk import ASK_RULES, LEASE, open_desk
from veilleur.kernel.ids import read_id


async def add_queue(desk, code, **terms):
    return await desk.agency.owner.call("POST", "/owner/v1/queues", {"code": code, "name": code} | terms, 201)


async def route_to(desk, code, skills=()):
    """Every case of this agency goes there."""
    rules = {"rules": [{"name": "all", "queue": code, "skills": list(skills)}]}
    await desk.agency.owner.call("PUT", "/owner/v1/routing-rules", rules, 200)


async def gets(moderator):
    answer = await moderator.claim()
    assert (answer["reason"] is None) == bool(answer["assignments"])
    for held in answer["assignments"]:
        assert (await moderator.release(held)).status_code == 204
    return bool(answer["assignments"])


@pytest.mark.parametrize(
    ("terms", "outsider", "insider"),
    [
        ({"skills": ["legal", "minors"]}, {"skills": ["legal"]}, {"skills": ["minors", "legal", "x"]}),
        ({"languages": ["nl", "fr-BE"]}, {"languages": ["de"]}, {"languages": ["de", "fr"]}),
        ({"tier": 2}, {}, {"tier": 2}),
        ({"tier": 3}, {"tier": 2}, {"roles": ["lead"]}),
    ],
)
async def test_a_queue_is_a_wall(world, terms, outsider, insider):
    desk = await open_desk(world)
    await add_queue(desk, "special", **terms)
    await route_to(desk, "special")
    await desk.receive()
    assert not await gets(await desk.hire(**outsider))
    assert await gets(await desk.hire(**insider))
    await world.move_clock(timedelta(hours=20))
    assert not await gets(await desk.hire(**outsider))


async def test_nobody_is_handed_a_language_they_do_not_speak(world):
    desk = await open_desk(world)
    await desk.receive(language="de-AT")
    french, german = await desk.hire(languages=["fr"]), await desk.hire(languages=["fr", "de"])
    assert not await gets(french)
    assert await gets(german)
    await desk.receive()
    assert await gets(french)


async def test_skills_that_a_rule_asks_for_give_way_when_half_of_the_time_is_gone(world):
    rules = copy.deepcopy(ASK_RULES)
    rules["rules"][0]["then"]["escalate"] = {"queue": "default", "priority": "normal", "skills": ["irony"]}
    desk = await open_desk(world, rules)
    await desk.receive(text="doubtful")
    plain, ironic = await desk.hire(), await desk.hire(skills=["irony"])
    assert not await gets(plain)
    assert await gets(ironic)
    await world.move_clock(timedelta(hours=3, minutes=59))
    assert not await gets(plain)
    await world.move_clock(timedelta(hours=4, minutes=2))
    assert await gets(plain)


async def test_a_queue_may_refuse_to_let_skills_give_way(world):
    desk = await open_desk(world)
    await add_queue(desk, "strict", relax_percent=0)
    await route_to(desk, "strict", ["irony"])
    await desk.receive()
    await world.move_clock(timedelta(hours=7, minutes=59))
    assert not await gets(desk.moderator)


async def test_a_changed_queue_counts_for_what_waits_already(world):
    desk = await open_desk(world)
    queue = await add_queue(desk, "special", skills=["legal"])
    await route_to(desk, "special")
    await desk.receive()
    assert not await gets(desk.moderator)
    await desk.agency.owner.call("PATCH", f"/owner/v1/queues/{queue['id']}", {"skills": []}, 200)
    assert await gets(desk.moderator)


async def test_an_expired_lease_goes_to_nobody_who_would_not_have_got_the_case(world):
    desk = await open_desk(world)
    await add_queue(desk, "special", skills=["legal"])
    await route_to(desk, "special")
    await desk.receive()
    await (await desk.hire(skills=["legal"])).take()
    await world.move_clock(LEASE + timedelta(seconds=1))
    assert not await gets(desk.moderator)
    assert await gets(await desk.hire(skills=["legal"]))


async def test_cases_out_of_reach_hide_none_within(world):
    """Cases of another language, all more urgent, on the same queue of the same client."""
    desk = await open_desk(world)
    await desk.receive(12, language="de")
    await world.fetch("UPDATE cases SET due_at = due_at - interval '1 hour' WHERE agency_id = $1", desk.agency_id)
    [item] = await desk.receive(language="fr")
    held = await (await desk.hire(languages=["fr"])).take()
    assert [one["item"]["id"] for one in held] == [item]


async def test_a_client_below_its_share_is_served_beside_a_flood_that_is_due_first(world):
    desk = await open_desk(world)
    quiet = await desk.agency.add_client()
    flood = await desk.receive(4)
    [small] = await desk.receive(client=quiet)
    due = "UPDATE cases SET due_at = opened_at + make_interval(mins => $2) WHERE agency_id = $1"
    await world.fetch(due, desk.agency_id, 180)
    await world.fetch(f"{due} AND client_id = $3", desk.agency_id, 210, read_id("cli", quiet.id))
    crew = [await desk.hire() for _ in range(2)]
    early = await crew[0].take(2)
    assert {held["item"]["id"] for held in early} <= set(flood)
    for held in early:
        await crew[0].release(held)
    await world.move_clock(timedelta(hours=2))
    first, second = [held["item"]["id"] for held in await crew[1].take(2)]
    assert (first in flood, second) == (True, small)


async def test_an_agreed_share_goes_first(world):
    desk = await open_desk(world)
    bought = await desk.agency.add_client()
    path = f"/owner/v1/clients/{bought.id}"
    changed = await desk.agency.owner.call("PATCH", path, {"guaranteed_slots": 2}, 200)
    assert changed["guaranteed_slots"] == 2
    await desk.agency.owner.call("PATCH", f"/owner/v1/clients/{desk.client.id}", {"guaranteed_slots": 0}, 200)
    flood = await desk.receive(3)
    mine = await desk.receive(3, client=bought)
    await world.move_clock(timedelta(hours=5))
    held = await desk.moderator.take(4)
    taken = {one["item"]["id"] for one in held}
    assert (len(taken & set(mine)), len(taken & set(flood))) == (2, 2)
    changed = await desk.agency.owner.call("PATCH", path, {"guaranteed_slots": None}, 200)
    assert changed["guaranteed_slots"] is None
