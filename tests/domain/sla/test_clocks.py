"""Clocks: started at receipt, due in the client's open hours, breached at the instant they were due, stopped once."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.support.desk import ASK_RULES, instant, open_desk
from veilleur.domain.sla.sweep import sweep_due_clocks
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

TARGET = timedelta(hours=8)
PARIS = ZoneInfo("Europe/Paris")
OFFICE = {
    "time_zone": "Europe/Paris",
    "weekly": {day: [["09:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
}


async def events_of(desk, item_id):
    query = """
        SELECT type, occurred_at, detected_at FROM sla_events
        WHERE agency_id = $1 AND clock_id IN (SELECT id FROM sla_clocks WHERE agency_id = $1 AND item_id = $2)
        ORDER BY detected_at, occurred_at"""
    return await desk.world.fetch(query, desk.agency_id, read_id("itm", item_id))


async def keep_hours(desk, calendar):
    made = await desk.agency.owner.call("POST", "/owner/v1/calendars", {"name": "Hours", "calendar": calendar}, 201)
    await desk.agency.owner.call("PATCH", desk.client.base, {"calendar": made["id"]})


async def screen_alone(desk):
    await Drains(desk.world.worker).run("screening", desk.agency_id)


def until(year, month, day, hour):
    """From now to an hour of Paris in the future."""
    return datetime(year, month, day, hour, tzinfo=PARIS) - datetime.now(UTC)


async def test_the_clock_starts_at_receipt_not_at_screening(world):
    desk = await open_desk(world)
    item = (await desk.client.accept())["id"]
    await world.move_clock(timedelta(minutes=5))
    await world.drain()
    shown = await desk.client.look(item)
    [clock] = shown["clocks"]
    assert clock["started_at"] == shown["received_at"]
    assert instant(clock["due_at"]) - instant(clock["started_at"]) == TARGET
    assert (clock["metric"], clock["state"], clock["breached_at"]) == ("decision", "running", None)
    assert instant(shown["case"]["opened_at"]) - instant(clock["started_at"]) >= timedelta(minutes=5)


async def test_a_more_urgent_case_is_due_sooner(world):
    desk = await open_desk(world, ASK_RULES)
    [item] = await desk.receive(text="doubtful")
    clock = await desk.clock_of(item)
    assert (clock["target_class"], clock["due_at"] - clock["started_at"]) == ("high", timedelta(hours=4))


@pytest.mark.parametrize(
    ("received", "days_later"),
    [((2027, 1, 8, 16), 3), ((2027, 1, 9, 12), None)],
    ids=["friday afternoon", "saturday"],
)
async def test_the_deadline_counts_in_the_clients_open_hours(world, received, days_later):
    desk = await open_desk(world)
    await keep_hours(desk, OFFICE)
    await world.move_clock(until(*received))
    [item] = await desk.receive()
    clock = await desk.clock_of(item)
    if days_later:
        assert clock["due_at"] - clock["started_at"] == timedelta(days=days_later)
    else:
        assert clock["due_at"] == datetime(2027, 1, 11, 17, tzinfo=PARIS)


async def test_a_client_keeps_its_hours_whatever_another_client_keeps(world):
    desk = await open_desk(world)
    await keep_hours(desk, OFFICE)
    other = await desk.agency.add_client()
    await world.move_clock(until(2027, 1, 9, 12))
    [item] = await desk.receive()
    [always_open] = await desk.receive(client=other)
    assert (await desk.clock_of(item))["due_at"] > (await desk.clock_of(always_open))["due_at"] + timedelta(days=1)


async def test_a_decision_in_time_meets_the_promise(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await world.move_clock(TARGET - timedelta(minutes=1))
    await desk.moderator.decide(held)
    clock = await desk.clock_of(held["item"]["id"])
    assert (clock["state"], clock["breached_at"], clock["next_event_at"]) == ("met", None, None)
    assert clock["stopped_at"] <= clock["due_at"]
    await world.move_clock(TARGET * 2)
    await world.drain()
    assert [row["type"] for row in await events_of(desk, held["item"]["id"])] == ["started", "met"]


async def test_a_late_decision_misses_it_and_the_breach_is_at_the_due_time(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await world.move_clock(TARGET + timedelta(hours=1))
    await desk.moderator.decide(held)
    clock = await desk.clock_of(held["item"]["id"])
    assert clock["state"] == "missed"
    assert clock["breached_at"] == clock["due_at"]
    assert sorted(row["type"] for row in await events_of(desk, held["item"]["id"])) == ["breached", "missed", "started"]


async def test_a_breach_noticed_late_is_stamped_with_the_instant_it_was_due_and_only_once(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    for hours in (3, 4, 5):
        await world.move_clock(TARGET + timedelta(hours=hours))
        await world.drain()
    clock = await desk.clock_of(item)
    assert (clock["state"], clock["breached_at"]) == ("running", clock["due_at"])
    _, breach = await events_of(desk, item)
    assert (breach["type"], breach["occurred_at"]) == ("breached", clock["due_at"])
    assert breach["detected_at"] - clock["due_at"] >= timedelta(hours=3)

    [held] = await desk.moderator.take()
    await desk.moderator.decide(held)
    ended = await desk.clock_of(item)
    assert (ended["state"], ended["breached_at"]) == ("missed", clock["due_at"])
    types = [row["type"] for row in await events_of(desk, item)]
    assert types.count("breached") == 1


async def test_a_deadline_already_past_at_screening_is_breached_at_once_at_its_due_time(world):
    desk = await open_desk(world)
    item = (await desk.client.accept())["id"]
    await world.move_clock(TARGET + timedelta(hours=1))
    await screen_alone(desk)
    clock = await desk.clock_of(item)
    assert (clock["breached_at"], clock["next_event_at"]) == (clock["due_at"], None)
    events = {row["type"]: row["occurred_at"] for row in await events_of(desk, item)}
    assert events == {"started": clock["started_at"], "breached": clock["due_at"]}


async def test_the_sweep_touches_only_clocks_that_are_due(world):
    desk = await open_desk(world)
    urgent = await desk.agency.add_client(ASK_RULES)
    [calm] = await desk.receive()
    [soon] = await desk.receive(client=urgent, text="doubtful")
    version = "SELECT xmin::text AS version FROM sla_clocks WHERE agency_id = $1 AND item_id = $2"
    [before] = await world.fetch(version, desk.agency_id, read_id("itm", calm))
    await world.move_clock(timedelta(hours=5))
    await world.drain()
    [after] = await world.fetch(version, desk.agency_id, read_id("itm", calm))
    assert before == after
    assert (await desk.clock_of(soon))["breached_at"] is not None


@pytest.mark.parametrize("limit", [1, 3])
async def test_a_sweep_takes_no_more_clocks_than_asked_for(world, limit):
    desk = await open_desk(world)
    await desk.receive(5)
    await world.move_clock(TARGET + timedelta(hours=1))
    async with world.worker.database.transaction(desk.scope) as session:
        assert (await sweep_due_clocks(session, desk.agency_id, limit)).clocks == limit
    assert await desk.count("sla_clocks", "breached_at IS NOT NULL") == limit


async def test_an_answer_by_the_rules_ends_the_clock_of_an_edited_item(world):
    desk = await open_desk(world, ASK_RULES)
    [item] = await desk.receive(text="doubtful", external_id="one")
    await desk.receive(text="bad", external_id="one")
    clock = await desk.clock_of(item)
    assert (clock["state"], clock["next_event_at"]) == ("met", None)
    assert await desk.count("sla_clocks", "state = 'running'") == 0


async def test_a_question_opened_again_gets_a_clock_of_its_own(world):
    desk = await open_desk(world)
    held = await desk.take_one(external_id="one")
    await desk.moderator.decide(held)
    await desk.receive(external_id="one", text="other words")
    clock = await desk.clock_of(held["item"]["id"])
    assert (clock["cycle"], clock["state"]) == (2, "running")
    assert await desk.count("sla_clocks", "state = 'met'") == 1
