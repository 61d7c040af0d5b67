"""A rule with a daily cap acts no more often than that, and begins anew at midnight in the client's zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.support.desk import open_desk
from tests.support.rules import make_rule, make_rules

CAPPED = make_rules(make_rule("bad", "item.text.contains('bad')", daily_cap=3))


async def verdicts(desk):
    rows = await desk.fetch("SELECT verdict FROM decisions WHERE agency_id = $1 ORDER BY made_at, id")
    return [row["verdict"] for row in rows]


async def reached(desk):
    rows = await desk.fetch("SELECT details FROM audit_entries WHERE agency_id = $1 AND action = 'rule.cap_reached'")
    return [row["details"] for row in rows]


async def send_bad(desk, count):
    items = [{"external_id": f"b{number}", "text": "bad"} for number in range(count)]
    await desk.client.api.call("POST", "/ingest/v1/items", {"source": desk.client.source["id"], "items": items}, 202)
    await desk.world.drain()


async def test_within_one_batch_the_cap_holds_exactly(world):
    desk = await open_desk(world, CAPPED)
    await send_bad(desk, 5)
    assert sorted(await verdicts(desk)) == ["allow"] * 2 + ["remove"] * 3
    [told] = await reached(desk)
    assert '"cap": 3' in told
    assert '"rule": "bad"' in told


async def test_over_several_batches_it_adds_up_and_is_told_once(world):
    desk = await open_desk(world, CAPPED)
    for _ in range(5):
        await desk.receive(text="bad")
    assert await verdicts(desk) == ["remove"] * 3 + ["allow"] * 2
    assert len(await reached(desk)) == 1


async def test_it_begins_anew_at_the_clients_midnight(world):
    desk = await open_desk(world, CAPPED)
    await send_bad(desk, 4)
    local = datetime.now(UTC).astimezone(ZoneInfo("Europe/Paris"))
    midnight = local.replace(hour=0, minute=0, second=1) + timedelta(days=1)
    await world.move_clock(midnight - local)
    await desk.receive(text="bad")
    assert await desk.count("decisions", "verdict = 'remove'") == 4


async def test_an_alarm_stands_from_the_cap_to_the_rules_next_day(world):
    desk = await open_desk(world, CAPPED)

    async def alarms(state):
        path = f"/owner/v1/alarms?kind=rule.capped&state={state}&client={desk.client.id}"
        found = await desk.agency.owner.call("GET", path)
        return [(one["rule"], one["figures"]["cap"], one["times"]) for one in found["data"]]

    await send_bad(desk, 2)
    assert await alarms("open") == []
    await send_bad(desk, 3)
    assert await alarms("open") == [("bad", 3, 1)]
    await world.move_clock(timedelta(days=1, minutes=1))
    await desk.receive(text="bad")
    assert (await alarms("open"), await alarms("closed")) == ([], [("bad", 3, 1)])


async def test_what_is_only_observed_uses_nothing_up(world):
    desk = await open_desk(world, CAPPED)
    path = f"{desk.client.base}/sources/{desk.client.source['id']}"
    await desk.agency.owner.call("PATCH", path, {"mode": "observe"})
    await send_bad(desk, 5)
    assert await desk.count("items", "observed->>'verdict' = 'remove'") == 5


async def test_the_evaluation_remembers_that_the_rule_was_at_its_cap(world):
    desk = await open_desk(world, CAPPED)
    await send_bad(desk, 4)
    assert await desk.count("evaluations", "facts->'exhausted' = '[\"bad\"]'") == 1


async def test_an_expired_rule_does_not_act(world):
    desk = await open_desk(world, make_rules(make_rule("bad", "true", expires_at="2026-01-01T00:00:00Z")))
    await desk.receive(text="bad")
    assert await verdicts(desk) == ["allow"]
