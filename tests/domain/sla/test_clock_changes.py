"""Clocks that are paused, resumed, retargeted, reopened: the rows, the events and the sweep behind the arithmetic."""

from datetime import timedelta

import pytest

from tests.domain.sla.test_clocks import TARGET, events_of
from tests.support.desk import open_desk
from veilleur.domain.review.move_due import move_due_times
from veilleur.domain.sla.clocks import ClockStart as Start
from veilleur.domain.sla.clocks import (
    Retarget,
    cancel_clocks,
    pause_clocks,
    resume_clocks,
    retarget_clocks,
    start_clocks,
    stop_clocks,
)
from veilleur.domain.sla.policy import CaseFacts
from veilleur.domain.sla.terms import load_terms
from veilleur.kernel.ids import read_id

MINUTES = timedelta(minutes=1)
LATE = TARGET + timedelta(hours=1)


async def change(desk, function, items, *more):
    ids = [read_id("itm", item) for item in items]
    async with desk.world.worker.database.transaction(desk.scope) as session:
        return await function(session, desk.agency_id, ids, *more)


async def types_of(desk, item):
    return sorted(row["type"] for row in await events_of(desk, item))


async def start_again(desk, item, asked_at, metric="decision", **policy):
    """Start a clock for an item that may have had one, as the opening of a case does."""
    clock = await desk.clock_of(item)
    facts = CaseFacts("normal", "default")
    async with desk.world.worker.database.transaction(desk.scope) as session:
        terms = (await load_terms(session, desk.agency_id, [clock["client_id"]]))[clock["client_id"]]
        terms.policy.update(policy)
        start = Start(clock["client_id"], clock["item_id"], clock["case_id"], terms, facts, asked_at, metric)
        present = await desk.world.fetch("SELECT app_now() AS present")
        return await start_clocks(session, desk.agency_id, [start], present[0]["present"])


async def test_a_pause_moves_the_due_time_by_its_length_and_the_case_with_it(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    before = await desk.clock_of(item)
    paused = await change(desk, pause_clocks, [item], "awaiting_client")
    clock = await desk.clock_of(item)
    assert (clock["state"], clock["pause_reason"], clock["next_event_at"]) == ("paused", "awaiting_client", None)
    assert paused == {before["item_id"]: before["due_at"]}
    await world.move_clock(TARGET * 2)
    await world.drain()
    assert (await desk.clock_of(item))["breached_at"] is None

    resumed = await change(desk, resume_clocks, [item])
    clock = await desk.clock_of(item)
    assert clock["due_at"] - before["due_at"] == clock["counted_from"] - (await paused_at(desk, item))
    assert resumed == {before["item_id"]: clock["due_at"]}
    async with world.worker.database.transaction(desk.scope) as session:
        await move_due_times(session, desk.agency_id, resumed)
    [case] = await desk.fetch("SELECT due_at FROM cases WHERE agency_id = $1")
    assert case["due_at"] == clock["due_at"]
    await world.move_clock(TARGET * 4)
    await world.drain()
    assert (await desk.clock_of(item))["breached_at"] == clock["due_at"]
    assert await types_of(desk, item) == ["breached", "paused", "resumed", "started"]


async def paused_at(desk, item):
    [row] = [row for row in await events_of(desk, item) if row["type"] == "paused"]
    return row["occurred_at"]


async def test_each_pause_is_an_event_of_its_own_and_a_repetition_is_none(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    for function, *more in ((pause_clocks, "legal_hold"), (resume_clocks,)) * 2:
        await change(desk, function, [item], *more)
        await change(desk, function, [item], *more)
    assert await types_of(desk, item) == ["paused", "paused", "resumed", "resumed", "started"]


@pytest.mark.parametrize("stopped_first", [True, False])
async def test_in_one_transaction_a_stop_outweighs_a_pause_and_a_pause_a_start(world, stopped_first):
    desk = await open_desk(world)
    [item] = await desk.receive()
    uuid = read_id("itm", item)
    async with world.worker.database.transaction(desk.scope) as session:
        if stopped_first:
            await stop_clocks(session, desk.agency_id, [uuid])
        await pause_clocks(session, desk.agency_id, [uuid], "awaiting_client")
        if not stopped_first:
            await stop_clocks(session, desk.agency_id, [uuid])
    clock = await desk.clock_of(item)
    assert (clock["state"], clock["pause_reason"]) == ("met", None)

    [other] = await desk.receive()
    asked_at = (await desk.clock_of(other))["started_at"]
    await change(desk, pause_clocks, [other], "awaiting_client")
    await start_again(desk, other, asked_at)
    assert await desk.count("sla_clocks", "state = 'paused'") == 1
    assert await desk.count("sla_clocks") == 2


async def test_a_breach_that_nobody_noticed_before_the_pause_is_stamped_with_its_due_time(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    await world.move_clock(LATE)
    await change(desk, pause_clocks, [item], "client_callback_down")
    clock = await desk.clock_of(item)
    assert (clock["state"], clock["breached_at"]) == ("paused", clock["due_at"])
    assert clock["remaining_s"] < 0
    await change(desk, resume_clocks, [item])
    await world.drain()
    assert await types_of(desk, item) == ["breached", "paused", "resumed", "started"]


async def test_a_higher_priority_retargets_when_asked_and_keeps_what_was_used_up(world):
    desk = await open_desk(world)
    [item, other] = await desk.receive(2)
    await world.move_clock(30 * MINUTES)
    due = await change(desk, retarget_clocks, [item], Retarget("priority", "mem_x", {"priority": "urgent"}))
    clock = await desk.clock_of(item)
    assert (clock["target_class"], clock["due_at"] - clock["started_at"]) == ("urgent", 60 * MINUTES)
    assert due == {clock["item_id"]: clock["due_at"]}
    assert (await desk.clock_of(other))["target_class"] == "standard"
    query = "SELECT details FROM sla_events WHERE agency_id = $1 AND type = 'retargeted'"
    [event] = await desk.fetch(query)
    assert '"reason": "priority"' in event["details"]
    assert '"actor": "mem_x"' in event["details"]
    await change(desk, retarget_clocks, [item], Retarget("priority", "mem_x", {"priority": "urgent"}))
    assert await types_of(desk, item) == ["retargeted", "started"]


async def test_a_promise_broken_by_a_change_is_broken_when_it_was_changed(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    await world.move_clock(90 * MINUTES)
    await change(desk, retarget_clocks, [item], Retarget("priority", "mem_x", {"priority": "urgent"}))
    clock = await desk.clock_of(item)
    assert clock["due_at"] < clock["breached_at"] == clock["counted_from"]
    await change(desk, retarget_clocks, [item], Retarget("priority", "mem_x", {"priority": "low"}))
    later = await desk.clock_of(item)
    assert (later["breached_at"], later["due_at"] > later["breached_at"]) == (clock["breached_at"], True)
    await change(desk, stop_clocks, [item])
    assert (await desk.clock_of(item))["state"] == "missed"
    assert await types_of(desk, item) == ["breached", "missed", "retargeted", "retargeted", "started"]


async def test_the_same_question_that_comes_back_continues_its_cycle(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    await change(desk, cancel_clocks, [item])
    stopped = await desk.clock_of(item)
    assert (stopped["state"], stopped["elapsed_s"] < 60) == ("cancelled", True)
    await world.move_clock(timedelta(hours=5))
    due = await start_again(desk, item, stopped["started_at"])
    clock = await desk.clock_of(item)
    assert (clock["cycle"], clock["state"], clock["stopped_at"]) == (1, "running", None)
    assert due[clock["item_id"]] - stopped["due_at"] == clock["counted_from"] - stopped["stopped_at"]


@pytest.mark.parametrize("policy", [{}, {"reopen_grace_s": 3_600}], ids=["a day", "an hour"])
async def test_after_the_grace_the_next_cycle_begins_when_the_question_comes_back(world, policy):
    desk = await open_desk(world)
    [item] = await desk.receive()
    await change(desk, stop_clocks, [item])
    first = await desk.clock_of(item)
    after = timedelta(seconds=policy.get("reopen_grace_s", 86_400) + 60)
    await world.move_clock(after)
    await start_again(desk, item, first["started_at"], **policy)
    clock = await desk.clock_of(item)
    assert (clock["cycle"], clock["due_at"] - clock["started_at"]) == (2, TARGET)
    assert clock["started_at"] - first["stopped_at"] >= after - MINUTES


async def test_an_escalation_has_a_clock_of_its_own_where_one_is_promised(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    asked_at = (await desk.clock_of(item))["started_at"]
    assert await start_again(desk, item, asked_at, "escalation") == {}
    assert await desk.count("sla_clocks") == 1
    default = {"class": "standard", "decision": {"seconds": 60, "time": "calendar"}}
    default["escalation"] = {"seconds": 600, "time": "calendar"}
    await start_again(desk, item, asked_at, "escalation", default=default)
    assert await desk.count("sla_clocks", "state = 'running' AND metric = 'escalation'") == 1
    await change(desk, stop_clocks, [item], "escalation")
    states = "SELECT metric, state FROM sla_clocks WHERE agency_id = $1 ORDER BY metric"
    assert [tuple(row) for row in await desk.fetch(states)] == [("decision", "running"), ("escalation", "met")]
