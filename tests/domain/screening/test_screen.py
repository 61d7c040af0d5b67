"""Screening: every item exactly once, and one that can't be screened ends with a person, visibly."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.desk import ASK_RULES, open_desk, refused_decisions
from veilleur.domain.screening.screen import MAX_ATTEMPTS, mark_attempts, screen_marked
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

FAR = timedelta(minutes=5)
"""Beyond every hint's grace."""


def poison(desk, item_id):
    """Whatever screens this item fails."""
    return refused_decisions(desk, f"NEW.item_id = '{read_id('itm', item_id)}'")


async def work_for(desk, seconds, start=timedelta(0)):
    for second in range(1, seconds + 1):
        await desk.world.move_clock(start + timedelta(seconds=second))
        await desk.world.drain()


async def mark(desk, *, fresh=True, limit=200):
    async with desk.world.worker.database.transaction(desk.scope) as session:
        return await mark_attempts(session, desk.agency_id, fresh=fresh, limit=limit)


async def drain_alone(desk):
    return await Drains(desk.world.worker).run("screening", desk.agency_id)


async def attempts_of(desk, item_id):
    [row] = await desk.world.fetch("SELECT attempts FROM items WHERE id = $1", read_id("itm", item_id))
    return row["attempts"]


async def send_many(desk, count, text="fine"):
    items = [{"external_id": f"c{number}", "text": f"{text} {number}"} for number in range(count)]
    body = {"source": desk.client.source["id"], "items": items}
    receipts = (await desk.client.api.call("POST", "/ingest/v1/items", body, 202))["items"]
    return [receipt["id"] for receipt in receipts]


async def test_an_item_that_always_fails_ends_in_a_case_and_its_neighbours_are_decided_meanwhile(world):
    desk = await open_desk(world, ASK_RULES)
    first, bad, last = [(await desk.client.accept(text="fine"))["id"] for _ in range(3)]
    async with poison(desk, bad):
        await work_for(desk, 2)
        states = [(await desk.client.look(one))["state"] for one in (first, bad, last)]
        assert states == ["decided", "received", "decided"]
        assert await attempts_of(desk, bad) >= 2
        await work_for(desk, MAX_ATTEMPTS, start=timedelta(seconds=2))
    assert (await desk.client.look(bad))["state"] == "in_review"
    assert await attempts_of(desk, bad) == MAX_ATTEMPTS + 1
    [held] = (await desk.moderator.claim(queues=["unscreened"]))["assignments"]
    assert (held["item"]["id"], held["case"]["queue"]) == (bad, "unscreened")
    assert held["case"]["reason"] == "screening_failed"
    assert await desk.count("decisions") == 2


async def test_attempts_are_counted_although_the_screening_rolled_back(world):
    desk = await open_desk(world, ASK_RULES)
    bad = (await desk.client.accept(text="fine"))["id"]
    async with poison(desk, bad):
        counted = [0]
        for second in (1, 2, 3):
            await world.move_clock(timedelta(seconds=second))
            await drain_alone(desk)
            counted.append(await attempts_of(desk, bad))
    assert counted == sorted(set(counted))
    assert (await desk.client.look(bad))["state"] == "received"


async def test_one_clients_broken_rule_set_stops_no_other_client(world):
    desk = await open_desk(world, ASK_RULES)
    broken = await desk.agency.add_client(ASK_RULES)
    await world.fetch(
        "UPDATE rule_sets SET document = '{}', digest = 'x' WHERE client_id = $1", read_id("cli", broken.id)
    )
    sound, lost = (await desk.client.accept())["id"], (await broken.accept())["id"]
    await work_for(desk, MAX_ATTEMPTS + 2)
    assert (await desk.client.look(sound))["state"] == "decided"
    assert (await broken.look(lost))["state"] == "in_review"
    assert await desk.count("cases", "reason = 'screening_failed'") == 1


async def test_a_crash_between_counting_and_screening_is_made_good(world):
    desk = await open_desk(world, ASK_RULES)
    items = await send_many(desk, 3)
    assert len(await mark(desk)) == 3
    await work_for(desk, 1)
    assert [(await desk.client.look(one))["state"] for one in items] == ["decided"] * 3
    assert await desk.count("items", "attempts = 2") == 3


async def test_a_crash_after_a_long_absence_of_all_workers_is_made_good_too(world):
    desk = await open_desk(world, ASK_RULES)
    item = (await desk.client.accept())["id"]
    await world.move_clock(FAR)
    await mark(desk)
    await world.drain()
    await work_for(desk, 2, start=FAR)
    assert (await desk.client.look(item))["state"] == "decided"


async def test_neighbours_of_a_failure_after_a_long_absence_are_not_forgotten(world):
    desk = await open_desk(world, ASK_RULES)
    sound, bad = (await desk.client.accept())["id"], (await desk.client.accept())["id"]
    await world.move_clock(FAR)
    async with poison(desk, bad):
        await world.drain()
        await work_for(desk, MAX_ATTEMPTS + 2, start=FAR)
    assert (await desk.client.look(sound))["state"] == "decided"
    assert (await desk.client.look(bad))["state"] == "in_review"


async def test_an_attempt_that_may_still_be_under_way_is_left_alone(world):
    desk = await open_desk(world, ASK_RULES)
    await send_many(desk, 2)
    marked = await mark(desk)
    assert await mark(desk, fresh=False) == []
    await world.move_clock(timedelta(seconds=1))
    assert sorted(await mark(desk, fresh=False)) == sorted(marked)


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_items_are_taken_than_asked_for(world, limit):
    desk = await open_desk(world, ASK_RULES)
    await send_many(desk, 8)
    assert len(await mark(desk, limit=limit)) == limit
    await mark(desk)
    await world.move_clock(timedelta(seconds=1))
    assert len(await mark(desk, fresh=False, limit=limit)) == limit


async def test_two_workers_at_once_take_each_item_exactly_once(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.add_endpoint("http://127.0.0.1:9/")
    await send_many(desk, 120)
    await desk.client.accept("doubtful")
    assert await asyncio.gather(*(drain_alone(desk) for _ in range(4))) == [True] * 4
    assert await desk.count("items", "state = 'received'") == 0
    assert await desk.count("decisions") == await desk.count("usage_records", "meter = 'decision.auto'")
    assert await desk.count("decisions") + await desk.count("cases") == await desk.count("items")
    assert await desk.count("deliveries") == await desk.count("items")
    assert await desk.count("items", "attempts <> 1") == 0


async def test_the_same_batch_screened_twice_counts_once(world):
    desk = await open_desk(world, ASK_RULES)
    await send_many(desk, 5)
    marked = await mark(desk)
    for _ in range(2):
        async with world.worker.database.transaction(desk.scope) as session:
            await screen_marked(session, desk.agency_id, marked, world.worker.rule_sets)
    assert await desk.count("decisions") == await desk.count("usage_records", "meter = 'decision.auto'") == 5


async def test_without_a_rule_set_every_item_is_a_persons(world):
    desk = await open_desk(world)
    await desk.client.add_endpoint("http://127.0.0.1:9/", ["item.held"])
    item = await desk.take_one(text="anything")
    assert (item["case"]["reason"], item["why"]) == ("no_rule_set", [])
    assert await desk.count("events", "type = 'item.held'") == await desk.count("deliveries") == 1


async def test_what_the_rules_found_goes_with_the_case_and_its_decision(world):
    desk = await open_desk(world, ASK_RULES)
    held = await desk.take_one(text="so doubtful, so doubtful")
    assert held["why"] == [{"rule": "doubts", "spans": [[3, 11], [16, 24]]}]
    assert (held["case"]["reason"], held["case"]["priority"], held["case"]["queue"]) == ("rule", "high", "default")
    decision = (await desk.moderator.decide(held)).json()
    assert (decision["automated"], decision["automated_detection"]) == (False, True)
    assert (decision["matched_rules"], decision["rule_set_version"]) == (["doubts"], 1)


async def test_items_that_rules_decide_get_no_clock(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(text="bad")
    assert await desk.count("sla_clocks") == 0
