"""The single door: what a decision brings about is one commit, and counted once under load."""

import asyncio
import random
import time
from datetime import timedelta

from tests.domain.review.deciding import EFFECTS, REMOVE, count_effects
from tests.support.desk import ASK_RULES, open_desk, refused_decisions
from tests.support.people import unique
from veilleur.kernel.ids import read_id


async def test_all_effects_of_a_human_decision_are_in_one_commit(world):
    desk = await open_desk(world)
    await desk.client.add_endpoint("http://127.0.0.1:9/")
    held = await desk.take_one()
    before = await count_effects(desk)
    async with refused_decisions(desk, at_commit=True):
        assert (await desk.moderator.decide(held, **REMOVE)).status_code == 503
    assert await count_effects(desk) == before
    assert (await desk.client.look(held["item"]["id"]))["state"] == "in_review"
    assert (await desk.clock_of(held["item"]["id"]))["state"] == "running"
    assert [one["id"] for one in await desk.moderator.list_held()] == [held["id"]]

    assert (await desk.moderator.decide(held, **REMOVE)).status_code == 201
    after = await count_effects(desk)
    assert {table: after[table] - before[table] for table in EFFECTS} == {
        "decisions": 1,
        "usage_records": 3,
        "audit_entries": 1,
        "events": 1,
        "deliveries": 1,
        "sla_events": 1,
    }
    assert (await desk.clock_of(held["item"]["id"]))["state"] == "met"


async def test_all_effects_of_an_automatic_decision_are_in_one_commit(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.add_endpoint("http://127.0.0.1:9/")
    receipt = await desk.client.accept(text="bad")
    before = await count_effects(desk)
    async with refused_decisions(desk, at_commit=True):
        await world.drain()
    assert await count_effects(desk) == before
    assert (await desk.client.look(receipt["id"]))["state"] == "received"

    await world.move_clock(timedelta(seconds=1))
    await world.drain()
    after = await count_effects(desk)
    assert {table: after[table] - before[table] for table in EFFECTS} == {
        "decisions": 1,
        "usage_records": 1,
        "audit_entries": 1,
        "events": 1,
        "deliveries": 1,
        "sla_events": 0,
    }
    [usage] = await desk.fetch("SELECT * FROM usage_records WHERE agency_id = $1 AND meter = 'decision.auto'")
    [event] = await desk.fetch("SELECT * FROM events WHERE agency_id = $1")
    [entry] = await desk.fetch("SELECT * FROM audit_entries WHERE agency_id = $1 AND action = 'decision.made'")
    assert usage["item_id"] == event["item_id"] == read_id("itm", receipt["id"])
    assert (event["type"], entry["actor"]) == ("decision.made", "rules")


STORM_S = 2.5


async def test_a_storm_at_the_desk_leaves_everything_counted_once(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.add_endpoint("http://127.0.0.1:9/", ["decision.made"])
    names = [unique("c") for _ in range(60)]
    bulk = [{"external_id": name, "text": "doubtful"} for name in names]
    await desk.client.api.call("POST", "/ingest/v1/items", {"source": desk.client.source["id"], "items": bulk}, 202)
    await world.drain()
    moderators = [await desk.hire(capacity=4) for _ in range(8)]
    until = time.monotonic() + STORM_S
    statuses: list[int] = []
    await asyncio.gather(
        *(work(moderator, until, statuses) for moderator in moderators),
        edit_on(desk, names, until),
        drain_on(desk, until),
    )
    assert set(statuses) <= {200, 201, 204, 409}, statuses
    assert await desk.count("cases", "reason = 'screening_failed'") == 0
    decided = await desk.count("decisions")
    human = await desk.count("decisions", "NOT automated")
    assert human == statuses.count(201) > 0
    assert await desk.count("usage_records", "meter = 'decision.human'") == human
    assert await desk.count("usage_records", "meter = 'review.seconds'") == human
    assert await desk.count("deliveries") == decided
    twice = "SELECT 1 FROM decisions WHERE agency_id = $1 GROUP BY item_id, item_revision HAVING count(*) > 1"
    assert await desk.fetch(twice) == []
    open_items = "item_id IN (SELECT item_id FROM cases WHERE state IN ('ready', 'leased'))"
    assert await desk.count("sla_clocks", f"state = 'running' AND NOT {open_items}") == 0
    assert await desk.count("assignments", "ended_at IS NULL") == await desk.count("cases", "state = 'leased'")


async def work(moderator, until, statuses):
    """Claim, beat, release now and then, decide; the status of every answer."""
    while time.monotonic() < until:
        held = (await moderator.claim(random.randint(1, 4)))["assignments"]
        if not held:
            await asyncio.sleep(0.05)
            continue
        random.shuffle(held)
        one = held[0]
        act = moderator.release if random.random() < 0.3 else moderator.decide
        pairs = [{"id": each["id"], "fence": each["fence"]} for each in held]
        beating = moderator.caller.ask("POST", "/moderator/v1/heartbeat", {"assignments": pairs})
        statuses += [answer.status_code for answer in await asyncio.gather(act(one), beating, act(one))]


async def edit_on(desk, names, until):
    """Edits that open, renew or withdraw cases."""
    while time.monotonic() < until:
        text = random.choice(["doubtful", "doubtful", "bad"])
        answer = await desk.client.send({"external_id": random.choice(names), "text": f"{text} {unique('w')}"})
        assert answer.status_code == 202
        await asyncio.sleep(0.01)


async def drain_on(desk, until):
    while time.monotonic() < until:
        await desk.world.drain()
        await asyncio.sleep(0.02)
    await desk.world.drain()
