"""The watch: alarms that nobody raises but time, each once, closed when their cause is gone; a drain that ends."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tests.support.desk import open_desk
from tests.support.receiver import open_receiver
from veilleur.domain.alarms.record import Trouble, close_alarms, raise_alarm
from veilleur.domain.oversight.watch import EVERY, find_look_time
from veilleur.kernel.ids import parse_id
from veilleur_worker.drains import Drains

ALWAYS = {day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
HOUR = {"seconds": 3_600, "time": "calendar"}
NOW = datetime(2026, 11, 22, 12, 0, 7, tzinfo=UTC)


async def list_alarms(desk, kind, state="open"):
    return (await desk.agency.owner.call("GET", f"/owner/v1/alarms?state={state}&kind={kind}"))["data"]


async def look(desk):
    assert await Drains(desk.world.worker).run("watch", desk.agency_id)


async def spread_items(desk, weeks, per_hour=30):
    """A steady past, behind the curtain: so many items an hour over so many weeks, up to an hour ago."""
    present = datetime.now(UTC)
    start = present - timedelta(weeks=weeks)
    source_id = parse_id("src", desk.client.source["id"])
    await desk.world.fetch("UPDATE sources SET created_at = $2 WHERE id = $1", source_id, start - timedelta(hours=1))
    await desk.world.fetch(
        "INSERT INTO items (agency_id, id, client_id, source_id, external_id, revision, kind, body, digest, mode, state,"
        " interim, decisions, attempts, received_at, asked_at)"
        " SELECT $1, (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'"
        "   || substr(md5(at::text), 1, 19))::uuid,"
        " $2, $3, 'old' || at, 1, 'comment', '{}', '\\x00', 'live', 'decided', 'publish', 1, 1, at, at"
        " FROM generate_series($4::timestamptz, $5::timestamptz, make_interval(secs => 3600.0 / $6)) AS at",
        desk.agency_id, parse_id("cli", desk.client.id), source_id, start, present - timedelta(hours=1), per_hour,
    )  # fmt: skip


def test_every_agency_has_its_own_second_and_looks_are_five_minutes_apart():
    first, second = UUID(int=10), UUID(int=11)
    assert find_look_time(first, NOW) <= NOW < find_look_time(first, NOW) + EVERY
    assert find_look_time(second, NOW) - find_look_time(first, NOW) == timedelta(seconds=1)
    assert find_look_time(first, find_look_time(first, NOW)) == find_look_time(first, NOW)
    assert find_look_time(first, NOW + EVERY) == find_look_time(first, NOW) + EVERY


async def test_a_new_agency_is_watched_and_each_look_notes_the_next(world):
    desk = await open_desk(world)
    due = "SELECT due_at FROM work_hints WHERE agency_id = $1 AND kind = 'watch' ORDER BY due_at DESC"
    assert len(await desk.fetch(due)) == 1
    for hours in (1, 1, 30, 600):
        await world.move_clock(timedelta(hours=hours))
        await world.drain()
        [present] = await world.fetch("SELECT app_now() AS at")
        newest = (await desk.fetch(due))[0]["due_at"]
        assert present["at"] < newest <= present["at"] + EVERY
    assert await desk.count("watches") == 1


async def test_a_source_that_goes_silent_is_told_once_and_is_over_with_its_next_item(world):
    desk = await open_desk(world)
    async with open_receiver() as receiver:
        body = {"kind": "standard", "url": receiver.url, "events": ["source.silent"]}
        await desk.agency.owner.call("POST", "/owner/v1/endpoints", body, 201)
        await spread_items(desk, weeks=3)
        await desk.client.accept()
        await look(desk)
        assert await list_alarms(desk, "source.silent") == []
        for minutes in (60, 70):
            await world.move_clock(timedelta(minutes=minutes))
            await look(desk)
        [alarm] = await list_alarms(desk, "source.silent")
        assert (alarm["client"], alarm["subject"], alarm["times"]) == (desk.client.id, desk.client.source["id"], 2)
        assert 4_100 < alarm["figures"]["silent_s"] < 4_300
        assert alarm["figures"]["usual_items"] in range(33, 38)
        await Drains(world.worker).run("delivery", desk.agency_id)
        [call] = receiver.calls
        assert (call.body["type"], call.body["data"]["subject"]) == ("source.silent", alarm["subject"])
        await desk.client.accept()
        await world.move_clock(timedelta(minutes=76))
        await look(desk)
        assert await list_alarms(desk, "source.silent") == []
        assert len(await list_alarms(desk, "source.silent", "closed")) == 1


async def test_hours_are_counted_once_however_often_they_are_looked_at(world):
    desk = await open_desk(world)
    await spread_items(desk, weeks=1)
    for minutes in (0, 10, 200):
        await world.move_clock(timedelta(minutes=minutes))
        await look(desk)
    [counted] = await desk.fetch("SELECT sum(items) AS items FROM source_hours WHERE agency_id = $1")
    assert counted["items"] == await desk.count("items") > 4_900


@pytest.mark.parametrize("mode", ["paused", "test"])
async def test_a_source_that_is_not_listened_to_is_never_silent(world, mode):
    desk = await open_desk(world)
    await spread_items(desk, weeks=3)
    await world.move_clock(timedelta(hours=2))
    await look(desk)
    assert len(await list_alarms(desk, "source.silent")) == 1
    path = f"{desk.client.base}/sources/{desk.client.source['id']}"
    await desk.agency.owner.call("PATCH", path, {"mode": mode}, 200)
    await world.move_clock(timedelta(hours=3))
    await look(desk)
    assert await list_alarms(desk, "source.silent") == []


async def test_a_queue_with_nobody_on_shift_is_told_once_and_is_over_when_somebody_comes(world):
    desk = await open_desk(world, languages=["fr"])
    async with open_receiver() as receiver:
        body = {"kind": "standard", "url": receiver.url, "events": ["queue.uncovered"]}
        await desk.agency.owner.call("POST", "/owner/v1/endpoints", body, 201)
        await desk.receive(2, language="fr")
        await look(desk)
        assert await list_alarms(desk, "queue.uncovered") == []
        await desk.moderator.set_status("off")
        for minutes in (6, 12):
            await world.move_clock(timedelta(minutes=minutes))
            await look(desk)
        [alarm] = await list_alarms(desk, "queue.uncovered")
        assert (alarm["client"], alarm["subject"], alarm["times"]) == (desk.client.id, "default", 2)
        assert (alarm["figures"]["waiting"], alarm["figures"]["languages"]) == (2, ["fr"])
        await Drains(world.worker).run("delivery", desk.agency_id)
        [call] = receiver.calls
        assert call.body["data"]["figures"] == alarm["figures"]
        overview = await desk.agency.owner.call("GET", "/owner/v1/overview")
        assert overview["clients"][0]["health"]["alarms"] == [{"kind": "queue.uncovered", "subject": "default"}]
        await desk.moderator.set_status("available")
        await world.move_clock(timedelta(minutes=18))
        await look(desk)
        assert await list_alarms(desk, "queue.uncovered") == []


async def test_one_who_does_not_speak_the_language_covers_nothing(world):
    desk = await open_desk(world, languages=["fr"])
    await desk.receive(language="de")
    await look(desk)
    [alarm] = await list_alarms(desk, "queue.uncovered")
    assert alarm["figures"]["languages"] == ["de"]


async def test_while_a_client_is_closed_only_what_is_due_soon_calls_for_somebody(world):
    desk = await open_desk(world)
    owner = desk.agency.owner
    weekday = (datetime.now(UTC) + timedelta(days=3)).strftime("%a").lower()
    closed = {"time_zone": "UTC", "weekly": {weekday: [["09:00", "18:00"]]}}
    calendar = await owner.call("POST", "/owner/v1/calendars", {"name": "Closed", "calendar": closed}, 201)
    await owner.call("PATCH", desk.client.base, {"calendar": calendar["id"]})
    await desk.moderator.set_status("off")
    await desk.receive()
    await look(desk)
    assert await list_alarms(desk, "queue.uncovered") == []
    policy = {"default": {"class": "urgent", "decision": {"seconds": 3_000, "time": "calendar"}}}
    await owner.call("POST", f"{desk.client.base}/sla-policies", {"policy": policy}, 201)
    await desk.receive()
    await world.move_clock(timedelta(minutes=6))
    await look(desk)
    assert len(await list_alarms(desk, "queue.uncovered")) == 1


async def test_owners_and_leads_cover_only_where_a_shift_says_so(world):
    desk = await open_desk(world)
    await desk.moderator.set_status("off")
    await desk.receive()
    await look(desk)
    assert len(await list_alarms(desk, "queue.uncovered")) == 1
    me = (await desk.agency.owner.call("GET", "/moderator/v1/me"))["id"]
    shift = {"member": me, "time_zone": "UTC", "weekly": ALWAYS}
    await desk.agency.owner.call("POST", "/owner/v1/shifts", shift, 201)
    await world.move_clock(timedelta(minutes=6))
    await look(desk)
    assert await list_alarms(desk, "queue.uncovered") == []


async def test_while_no_callback_gets_through_clocks_wait_and_what_can_not_wait_is_not_owed(world):
    desk = await open_desk(world)
    rules = [{"class": "fixed", "when": {"kind": ["review"]}, "decision": HOUR | {"pausable": False}}]
    policy = {"policy": {"rules": rules, "default": {"class": "usual", "decision": HOUR}}}
    await desk.agency.owner.call("POST", f"{desk.client.base}/sla-policies", policy, 201)
    endpoints = [await desk.client.add_endpoint("http://127.0.0.1:9/hook") for _ in range(2)]
    [usual], [fixed] = await desk.receive(), await desk.receive(kind="review")
    elsewhere = await desk.agency.add_client()
    [other] = await desk.receive(client=elsewhere)

    async def tell(endpoint, *, fails):
        client_id = parse_id("cli", desk.client.id)
        async with world.worker.database.transaction(desk.scope) as session:
            if fails:
                await raise_alarm(session, desk.agency_id, Trouble("endpoint.failing", endpoint["id"], client_id))
            else:
                await close_alarms(session, desk.agency_id, "endpoint.failing", [endpoint["id"]], client_id)

    await tell(endpoints[0], fails=True)
    await look(desk)
    assert (await desk.clock_of(usual))["state"] == "running"
    await tell(endpoints[1], fails=True)
    await world.move_clock(timedelta(minutes=6))
    await look(desk)
    before = await desk.clock_of(usual)
    assert (before["state"], before["pause_reason"]) == ("paused", "client_callback_down")
    assert ((await desk.clock_of(fixed))["state"], (await desk.clock_of(fixed))["excluded"]) == (
        "running",
        "client_down",
    )
    assert (await desk.clock_of(other))["state"] == "running"
    await world.move_clock(timedelta(minutes=90))
    await look(desk)
    await tell(endpoints[0], fails=False)
    await world.move_clock(timedelta(minutes=96))
    await look(desk)
    after = await desk.clock_of(usual)
    assert (after["state"], after["breached_at"]) == ("running", None)
    assert after["due_at"] - before["due_at"] == after["counted_from"] - before["counted_from"] > timedelta(minutes=89)
    [case] = await desk.fetch(f"SELECT due_at FROM cases WHERE agency_id = $1 AND item_id = '{parse_id('itm', usual)}'")
    assert case["due_at"] == after["due_at"]
