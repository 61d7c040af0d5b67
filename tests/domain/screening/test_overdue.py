"""Nothing waits unscreened in silence: past its target an item is a person's, visibly late."""

from datetime import UTC, datetime, timedelta

from tests.support.desk import ASK_RULES, open_desk
from veilleur_worker.drains import Drains

TARGET = timedelta(hours=8)
"""The default promise for a case of normal priority."""


async def look_for_overdue(desk, after):
    await desk.world.move_clock(after)
    return await Drains(desk.world.worker).run("unscreened", desk.agency_id)


async def test_an_item_unscreened_past_its_target_is_raised_as_late(world):
    desk = await open_desk(world, ASK_RULES)
    item = (await desk.client.accept(text="fine"))["id"]
    assert await look_for_overdue(desk, TARGET + timedelta(minutes=1))
    [held] = (await desk.moderator.claim(queues=["unscreened"]))["assignments"]
    assert (held["item"]["id"], held["case"]["reason"]) == (item, "screening_overdue")
    clock = await desk.clock_of(item)
    assert clock["due_at"] - clock["started_at"] == TARGET
    assert clock["breached_at"] == clock["due_at"]


async def test_an_item_within_its_target_is_left_to_screening_and_looked_at_again(world):
    desk = await open_desk(world, ASK_RULES)
    item = (await desk.client.accept(text="fine"))["id"]
    await world.fetch("DELETE FROM work_hints WHERE agency_id = $1", desk.agency_id)
    await look_for_overdue(desk, TARGET - timedelta(minutes=1))
    assert (await desk.client.look(item))["state"] == "received"
    assert await desk.count("work_hints", "kind = 'unscreened' AND due_at > app_now()") == 1


async def test_what_was_raised_is_not_screened_any_more_and_raised_once(world):
    desk = await open_desk(world, ASK_RULES)
    item = (await desk.client.accept(text="fine"))["id"]
    await look_for_overdue(desk, TARGET + timedelta(minutes=1))
    await look_for_overdue(desk, TARGET + timedelta(minutes=2))
    await world.drain()
    assert (await desk.client.look(item))["state"] == "in_review"
    assert await desk.count("cases") == await desk.count("sla_clocks") == 1
    assert await desk.count("decisions") == 0


async def test_a_worker_that_was_away_past_the_target_loses_nothing(world):
    desk = await open_desk(world, ASK_RULES)
    items = [(await desk.client.accept(text="fine"))["id"] for _ in range(3)]
    await world.move_clock(TARGET + timedelta(hours=1))
    await world.drain()
    await world.drain()
    states = {(await desk.client.look(item))["state"] for item in items}
    assert states <= {"decided", "in_review"}


async def test_the_target_counts_in_the_clients_open_hours(world):
    desk = await open_desk(world, ASK_RULES)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).strftime("%Y-%m-%d")
    nine_to_five = {"time_zone": "UTC", "weekly": {}, "overrides": {tomorrow: [["09:00", "17:00"]]}}
    body = {"name": "One day", "calendar": nine_to_five}
    calendar = await desk.agency.owner.call("POST", "/owner/v1/calendars", body, 201)
    await desk.agency.owner.call("PATCH", desk.client.base, {"calendar": calendar["id"]})
    item = (await desk.client.accept(text="fine"))["id"]
    closing = datetime.fromisoformat(f"{tomorrow}T17:00:00+00:00") - datetime.now(UTC)
    await look_for_overdue(desk, closing - timedelta(minutes=1))
    assert (await desk.client.look(item))["state"] == "received"
    await look_for_overdue(desk, closing + timedelta(minutes=1))
    assert (await desk.client.look(item))["state"] == "in_review"
