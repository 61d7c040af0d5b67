"""The agency's own endpoints: what they hear of, in which shape, and that no client ever sees them."""

from datetime import timedelta

import pytest

from tests.api.refusals import read_pointers
from tests.domain.custody.canary import find_canary
from tests.support.desk import open_desk
from tests.support.post import open_post
from tests.support.receiver import open_receiver
from veilleur.domain.alarms.record import Trouble, raise_alarm
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

POLICY = {
    "default": {"class": "standard", "decision": {"seconds": 3_600, "time": "calendar", "warnings": [{"percent": 50}]}}
}


@pytest.fixture
async def receiver():
    async with open_receiver() as receiver:
        yield receiver


async def add(desk, kind, url, **more):
    body = {"kind": kind, "url": url} | more
    return await desk.agency.owner.call("POST", "/owner/v1/endpoints", body, 201)


async def deliver(desk):
    await Drains(desk.world.worker).run("delivery", desk.agency_id)


async def test_warnings_and_breaches_reach_a_signed_endpoint_and_no_client(world, receiver):
    desk = await open_desk(world)
    await desk.agency.owner.call("POST", f"{desk.client.base}/sla-policies", {"policy": POLICY}, 201)
    endpoint = await add(desk, "standard", receiver.url, events=["sla.warning", "sla.breached"])
    [item] = await desk.receive()
    await world.move_clock(timedelta(minutes=61))
    await world.drain()
    await receiver.wait_for(2)
    by_type = {call.body["type"]: call for call in receiver.calls}
    assert set(by_type) == {"sla.warning", "sla.breached"}
    assert all(call.is_signed_with(endpoint["secret"]) for call in receiver.calls)
    told = by_type["sla.warning"].body["data"]
    assert (told["item"], told["metric"], told["threshold"]) == (item, "decision", "50%")
    assert told["client"] == {"id": desk.client.id, "name": "Forum"}
    feed = await desk.client.api.call("GET", "/ingest/v1/events?types=sla.warning,sla.breached")
    assert feed["data"] == []
    page = await desk.agency.owner.call("GET", "/owner/v1/deliveries")
    assert {row["client"] for row in page["data"] if row["endpoint"] == endpoint["id"]} == {None}


async def test_what_an_endpoint_does_not_want_or_nobody_wants_is_not_written(world):
    desk = await open_desk(world)
    trouble = Trouble("source.silent", "src_1", read_id("cli", desk.client.id))
    async with world.worker.database.transaction(desk.scope) as session:
        await raise_alarm(session, desk.agency_id, trouble)
    await add(desk, "standard", "http://127.0.0.1:9/x", events=["sla.warning"])
    async with world.worker.database.transaction(desk.scope) as session:
        await raise_alarm(session, desk.agency_id, Trouble("source.silent", "src_2"))
    assert await desk.count("events", "client_id IS NULL") == 0


async def test_an_alarm_is_told_to_a_chat_once_in_its_language(world, receiver):
    desk = await open_desk(world)
    shown = await add(desk, "slack", receiver.url, language="fr")
    assert shown["url"].endswith("/…")
    assert "secret" not in shown
    await desk.agency.owner.call("PATCH", desk.client.base, {"name": "<!channel> & co"})
    for _ in range(2):
        async with world.worker.database.transaction(desk.scope) as session:
            trouble = Trouble("source.silent", "src_1", read_id("cli", desk.client.id), {"silent_s": 7_200})
            await raise_alarm(session, desk.agency_id, trouble)
    await deliver(desk)
    await receiver.wait_for(1)
    [call] = receiver.calls
    assert call.body["text"].startswith("&lt;!channel&gt; &amp; co: La source src_1 s'est tue\n")
    assert "silent_s: 7200" in call.body["text"]


async def test_a_chats_address_is_sealed_and_one_from_before_still_works(world, receiver):
    desk = await open_desk(world)
    shown = await add(desk, "slack", f"{receiver.url}/T0/B0/secret")
    host = f"http://127.0.0.1:{receiver.port}/…"
    [listed] = (await desk.agency.owner.call("GET", "/owner/v1/endpoints"))["data"]
    assert shown["url"] == listed["url"] == host
    assert await find_canary(world, "B0/secret") == {}
    [row] = await desk.fetch("SELECT url, sealed_url FROM endpoints WHERE agency_id = $1")
    assert (row["url"], row["sealed_url"] is not None) == (host, True)
    path = f"/owner/v1/endpoints/{shown['id']}/ping"
    await desk.agency.owner.call("POST", path, status=202)
    await deliver(desk)
    old = f"UPDATE endpoints SET sealed_url = NULL, url = '{receiver.url}/old' WHERE agency_id = $1"
    await desk.fetch(old)
    [listed] = (await desk.agency.owner.call("GET", "/owner/v1/endpoints"))["data"]
    assert listed["url"] == host
    await desk.agency.owner.call("POST", path, status=202)
    await deliver(desk)
    assert [call.path for call in receiver.calls] == ["/hook/T0/B0/secret", "/hook/old"]


async def test_a_ping_goes_to_one_endpoint_and_a_retired_one_gets_none(world, receiver):
    desk = await open_desk(world)
    other = await add(desk, "standard", "http://127.0.0.1:9/x")
    mine = await add(desk, "slack", receiver.url)
    path = f"/owner/v1/endpoints/{mine['id']}"
    await desk.agency.owner.call("POST", f"{path}/ping", status=202)
    assert await desk.count("deliveries") == 1
    await deliver(desk)
    await receiver.wait_for(1)
    assert "the endpoint works" in receiver.calls[0].body["text"]
    await desk.agency.owner.call("DELETE", path, status=204)
    await desk.agency.owner.call("POST", f"{path}/ping", status=409)
    page = await desk.agency.owner.call("GET", "/owner/v1/endpoints")
    assert [(one["id"], one["disabled_at"] is None) for one in page["data"]] == [
        (other["id"], True),
        (mine["id"], False),
    ]


async def test_a_clients_endpoint_and_the_agencys_are_not_taken_for_each_other(world):
    desk = await open_desk(world)
    own = await add(desk, "standard", "http://127.0.0.1:9/x")
    theirs = await desk.client.add_endpoint("http://127.0.0.1:9/y")
    owner = desk.agency.owner
    await owner.call("POST", f"/owner/v1/endpoints/{theirs['id']}/ping", status=404)
    await owner.call("POST", f"{desk.client.base}/endpoints/{own['id']}/ping", status=404)
    await owner.call("DELETE", f"{desk.client.base}/endpoints/{own['id']}", status=404)
    assert [one["id"] for one in (await owner.call("GET", f"{desk.client.base}/endpoints"))["data"]] == [theirs["id"]]
    await desk.receive(external_id="held")
    assert await desk.count("deliveries", f"endpoint_id = '{read_id('end', own['id'])}'") == 0


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"kind": "pager", "url": "x", "events": ["decision.made"]}, ["/kind", "/events/0"]),
        ({"kind": "slack", "url": "http://10.0.0.1/hook"}, ["/url"]),
        ({"kind": "email", "url": "mailto:a@b\r\nBcc: c@d"}, ["/url", "/kind"]),
        ({"kind": "email", "url": "mailto:team@agency.example"}, ["/kind"]),
    ],
)
async def test_another_shape_gets_422_and_says_what_is_allowed(world, body, pointers):
    agency = await world.operator.found_agency()
    answer = await agency.owner.ask("POST", "/owner/v1/endpoints", body)
    assert read_pointers(answer, 422, "invalid") == pointers


@pytest.fixture
async def post(world, monkeypatch):
    async with open_post(world, monkeypatch) as post:
        yield post


async def test_a_mail_says_what_happened_and_is_tried_again_unless_refused_for_good(world, post):
    desk = await open_desk(world)
    endpoint = await add(desk, "email", "mailto:team@agency.example", language="fr")
    for verdict, state in ((b"250 taken", "delivered"), (b"451 later", "pending"), (b"550 never", "dead")):
        post.verdict = verdict
        ping = await desk.agency.owner.call("POST", f"/owner/v1/endpoints/{endpoint['id']}/ping", status=202)
        await deliver(desk)
        shown = (await desk.agency.owner.call("GET", "/owner/v1/deliveries"))["data"]
        [row] = [one for one in shown if one["id"] == ping["delivery_id"]]
        assert (row["state"], row["last_status"]) == (state, int(verdict[:3]))
    mail = post.read(0)
    assert mail["To"] == "team@agency.example"
    assert mail["Subject"] == "Ceci est un essai : le point d'appel fonctionne"
    assert mail["Message-ID"].startswith("<evt_")
