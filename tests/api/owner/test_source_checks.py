"""Whether a source is connected well: the sample that is run through it, and its last deliveries."""

import json
from datetime import timedelta

import pytest

from tests.api.ingest.platforms import SENDERS, SETTINGS, open_platform
from tests.api.refusals import read_pointers, read_problem
from tests.support.desk import open_desk
from veilleur.kernel.ids import parse_id
from veilleur.kernel.paging import write_cursor
from veilleur_api.ingest import unstored
from veilleur_worker.drains import Drains


@pytest.mark.parametrize("kind", sorted(SETTINGS))
async def test_a_sample_goes_the_way_of_a_real_delivery_and_costs_nothing(world, monkeypatch, kind):
    platform = await open_platform(world, kind, monkeypatch)
    path = f"{platform.desk.client.base}/sources/{platform.source['id']}"
    tried = await platform.desk.agency.owner.call("POST", f"{path}/test", status=200)
    assert tried["signed"] == (kind != "discord")
    assert SETTINGS[kind].get("secret_token", "no secret") not in json.dumps(tried)
    [receipt] = tried["items"]
    assert receipt["status"] == "accepted"
    [item] = await platform.list_items()
    assert (item["mode"], item["external_id"].startswith("veilleur-test:")) == ("test", True)
    again = await platform.desk.agency.owner.call("POST", f"{path}/test", status=200)
    assert [one["status"] for one in again["items"]] == ["duplicate"]
    await platform.take(platform.sample)
    assert len(await platform.list_items()) == 2
    assert await platform.desk.count("usage_records", "meter = 'items.received' AND billable") == 1


async def test_the_standard_sample_is_run_even_while_the_source_is_paused(world):
    desk = await open_desk(world)
    path = f"{desk.client.base}/sources/{desk.client.source['id']}"
    await desk.agency.owner.call("PATCH", path, {"mode": "paused"})
    tried = await desk.agency.owner.call("POST", f"{path}/test", status=200)
    assert [one["status"] for one in tried["items"]] == ["accepted"]


async def receipts(world, desk, source, query="", **headers):
    await world.parts.unstored.settle()
    path = f"{desk.client.base}/sources/{source['id']}/receipts{query}"
    owned = await desk.agency.owner.call("GET", path, status=200, **headers)
    own = await desk.client.api.call("GET", f"/ingest/v1/sources/{source['id']}/receipts{query}", status=200, **headers)
    assert owned == own
    return owned


async def test_the_last_deliveries_are_told_newest_first_without_their_bodies(world, monkeypatch):
    platform = await open_platform(world, "slack", monkeypatch)
    desk, sent = platform.desk, SENDERS["slack"].send(json.dumps(platform.sample).encode())
    await platform.post(sent)
    await desk.world.parts.unstored.settle()
    headers = {**sent.headers, SENDERS["slack"].signed: "v0=forged", "x-a": "b"}
    assert (await world.http.post(platform.path, content=b"secretword", headers=headers)).status_code == 401
    await world.parts.unstored.settle()
    await platform.send({"type": "event_callback", "event": {"type": "reaction_added"}})
    page = await receipts(world, desk, platform.source, accept_language="fr")
    assert [one["outcome"] for one in page["data"]] == ["ignored", "refused", "accepted"]
    refused, accepted = page["data"][1:]
    assert (refused["problem"], refused["detail"]) == ("bad-signature", "La signature ne correspond pas")
    assert refused["size"] == len(b"secretword")
    assert {"x-a", "x-slack-signature"} <= set(refused["headers"])
    assert (accepted["id"], accepted["problem"]) == ("Ev0PV52K21", None)
    assert "forged" not in json.dumps(page)
    shown, after = [], ""
    while after is not None:
        part = await receipts(
            world, desk, platform.source, f"?limit=1{after and '&after=' + after}", accept_language="fr"
        )
        shown, after = shown + part["data"], part["next"]
    assert shown == page["data"]


@pytest.mark.parametrize("at", ["x", "2026-11-22", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
async def test_a_made_up_cursor_is_no_error(world, at):
    desk = await open_desk(world)
    await desk.client.accept()
    page = await receipts(world, desk, desk.client.source, f"?after={write_cursor([at, 'x'])}")
    assert page["data"] == [] or at.startswith("9999")
    path = f"/ingest/v1/sources/{desk.client.source['id']}/receipts?after=x"
    assert read_pointers(await desk.client.api.ask("GET", path), 422, "invalid") == ["/after"]


async def test_a_flood_of_forgeries_leaves_few_notes_and_another_source_its_own(world, monkeypatch):
    monkeypatch.setattr(unstored, "PURSE", 3)
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    for _ in range(10):
        read_problem(await desk.client.post(b"{}", {}), 401, "bad-signature")
        await world.parts.unstored.settle()
    assert await desk.count("unstored_deliveries") == 3
    await other.post(b"{}", {})
    await world.parts.unstored.settle()
    assert await desk.count("unstored_deliveries") == 4


async def test_notes_are_kept_for_a_week(world):
    desk = await open_desk(world)
    await desk.client.post(b"{}", {})
    await world.parts.unstored.settle()
    try:
        for days, left in ((6, 1), (8, 0)):
            await world.move_clock(timedelta(days=days))
            await Drains(world.worker).run("retention", parse_id("agc", desk.agency.id))
            assert await desk.count("unstored_deliveries") == left
    finally:
        await world.reset_clock()


async def test_a_refused_delivery_is_found_by_its_webhook_id_and_says_which_value_was_wrong(world):
    desk = await open_desk(world)
    body = {"external_id": "c_1", "text": "x", "colour": "red"}
    assert (await desk.client.send(body, webhook_id="msg_wrong")).status_code == 422
    await desk.client.send({"external_id": "c_1", "text": "x"}, webhook_id="msg_right")
    page = await receipts(world, desk, desk.client.source)
    told = {one["webhook_id"]: (one["outcome"], one["detail"]) for one in page["data"]}
    assert told["msg_right"] == ("accepted", None)
    assert (told["msg_wrong"][0], "/data/colour" in told["msg_wrong"][1]) == ("refused", True)
