"""Who hears of warnings and breaches: the client that was given the right to, once each, without what is ours alone."""

from datetime import timedelta

import pytest

from tests.support.desk import open_desk
from veilleur.kernel import clock

POLICY = {
    "default": {
        "class": "standard",
        "decision": {"seconds": 3_600, "time": "calendar", "warnings": [{"percent": 50}, {"before_s": 600}]},
        "volume": {"per": "month", "items": 1, "beyond": "excluded"},
    }
}


async def open_shared(world, *, share):
    desk = await open_desk(world)
    await desk.agency.owner.call("PATCH", desk.client.base, {"share_sla": share})
    await desk.agency.owner.call("POST", f"{desk.client.base}/sla-policies", {"policy": POLICY}, 201)
    return desk


async def events_told(desk):
    feed = await desk.client.api.call("GET", "/ingest/v1/events?types=sla.warning,sla.breached")
    return [(event["type"], event["data"]) for event in feed["data"]]


async def test_a_client_that_shares_the_clock_hears_of_each_warning_and_of_the_breach_once(world):
    desk = await open_shared(world, share=True)
    [item] = await desk.receive(external_id="one")
    for minutes in (31, 51, 61, 120):
        await world.move_clock(timedelta(minutes=minutes))
        await world.drain()
    told = await events_told(desk)
    assert [(kind, data.get("threshold")) for kind, data in told] == [
        ("sla.warning", "50%"), ("sla.warning", "600s"), ("sla.breached", None),
    ]  # fmt: skip
    for kind, data in told:
        assert (data["item"]["id"], data["metric"]) == (item, "decision")
        assert set(data) - {"threshold"} == {"item", "metric", "due_at"}
        assert "threshold" in data or kind == "sla.breached"
    clock = await desk.clock_of(item)
    timestamps = [event["timestamp"] for event in (await desk.client.api.call("GET", "/ingest/v1/events"))["data"]]
    assert clock["breached_at"].isoformat().replace("+00:00", "Z") in timestamps


@pytest.mark.parametrize("share", [False, True], ids=["kept", "beyond the volume"])
async def test_nothing_is_told_that_is_not_shared_or_not_owed(world, share):
    desk = await open_shared(world, share=share)
    [first, _] = await desk.receive(2)
    await world.move_clock(timedelta(minutes=70))
    await world.drain()
    assert await desk.count("sla_events", "type = 'breached'") == 2
    told = await events_told(desk)
    if share:
        assert len(told) == 3
        [excluded] = await desk.fetch("SELECT item_id FROM sla_clocks WHERE agency_id = $1 AND excluded IS NOT NULL")
        assert excluded["item_id"].hex not in str(told)
    else:
        assert told == []
        await desk.agency.owner.call("PATCH", desk.client.base, {"share_sla": True})
    assert (await desk.client.look(first))["clocks"][0]["breached_at"]


async def test_a_sweep_that_was_away_across_everything_catches_up_in_order_at_the_true_instants(world):
    desk = await open_shared(world, share=True)
    [item] = await desk.receive()
    await world.move_clock(timedelta(days=2))
    await world.drain()
    rows = await desk.fetch(
        "SELECT type, threshold, occurred_at, detected_at FROM sla_events WHERE agency_id = $1 ORDER BY occurred_at"
    )
    started = (await desk.clock_of(item))["started_at"]
    after = [(row["type"], (row["occurred_at"] - started).total_seconds()) for row in rows]
    assert after == [("started", 0), ("warning", 1_800), ("warning", 3_000), ("breached", 3_600)]
    assert all(row["detected_at"] - row["occurred_at"] > timedelta(days=1) for row in rows[1:])
    await world.drain()
    assert await desk.count("sla_events") == 4


@pytest.mark.parametrize("skew", [timedelta(minutes=-10), timedelta(minutes=10)])
async def test_an_app_whose_clock_is_wrong_changes_no_due_time(world, monkeypatch, skew):
    desk = await open_shared(world, share=False)
    honest = clock.now
    monkeypatch.setattr(clock, "now", lambda: honest() + skew)
    [item] = await desk.receive()
    started = await desk.clock_of(item)
    assert (started["due_at"] - started["started_at"]).total_seconds() == 3_600
    [received] = await desk.fetch("SELECT received_at FROM items WHERE agency_id = $1")
    assert started["started_at"] == received["received_at"]
    [present] = await world.fetch("SELECT app_now() AS now")
    assert abs(present["now"] - started["started_at"]) < timedelta(minutes=1)
    [held] = await desk.moderator.take()
    await desk.moderator.decide(held)
    stopped = await desk.clock_of(item)
    assert stopped["state"] == "met"
    assert 0 <= stopped["elapsed_s"] < 60
