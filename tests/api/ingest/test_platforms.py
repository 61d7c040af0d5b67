"""Every platform's own webhook over HTTP: taken once, answered as it wants, refused when forged, retried when we fail."""

import json
from dataclasses import replace

import pytest

from tests.api.ingest.platforms import NATIVE, SENDERS, SETTINGS, broken_intake, open_platform
from tests.api.refusals import read_problem
from veilleur.domain.intake.sources.protocol import Delivery
from veilleur.domain.intake.sources.registry import PLATFORMS

ACCEPTED = {"discord": 204, "twitch": 204, "generic": 202}


def test_every_kind_is_tried_here():
    assert SETTINGS.keys() == PLATFORMS.keys() - {"standard", "reddit", "youtube"}


@pytest.mark.parametrize("kind", sorted(SETTINGS))
async def test_a_genuine_delivery_is_taken_once_and_a_forged_one_never(world, monkeypatch, kind):
    platform = await open_platform(world, kind, monkeypatch)
    raw = json.dumps(platform.sample).encode()
    genuine = SENDERS[kind].send(raw)
    forged = replace(genuine, headers=genuine.headers | {SENDERS[kind].signed: "sha256=" + "0" * 64})
    read_problem(await platform.post(forged), 401, "bad-signature")
    unproven = {name: value for name, value in genuine.headers.items() if name != SENDERS[kind].signed}
    read_problem(await platform.post(replace(genuine, headers=unproven)), 401, "bad-signature")
    assert await platform.list_items() == []
    for _ in range(2):
        answer = await platform.post(genuine)
        assert answer.status_code == ACCEPTED.get(kind, 200), answer.text
        assert kind == "generic" or answer.content == b""
    [item] = await platform.list_items()
    assert "test" in item["body"]
    assert (item["state"], item["revision"]) == ("received", 1)
    assert await platform.desk.count("webhook_receipts", f"source_id = '{item['source_id']}'") == 1
    assert await platform.desk.count("usage_records", "meter = 'items.received'") == 1


@pytest.mark.parametrize("kind", NATIVE)
async def test_our_own_fault_is_one_to_try_again_after_and_then_it_works(world, monkeypatch, kind):
    platform = await open_platform(world, kind, monkeypatch)
    sent = SENDERS[kind].send(json.dumps(platform.sample).encode())
    async with broken_intake(platform.desk):
        answer = await platform.post(sent)
        read_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"].isdecimal()
    await platform.set_mode("paused")
    assert "paused" in read_problem(await platform.post(sent), 503, "unavailable")["detail"]
    await platform.set_mode("live")
    assert (await platform.post(sent)).status_code < 300
    assert len(await platform.list_items()) == 1


async def test_what_is_signed_and_no_json_is_400_and_half_an_emoji_loses_nothing(world, monkeypatch):
    platform = await open_platform(world, "telegram", monkeypatch)
    read_problem(await platform.post(SENDERS["telegram"].send(b"not json")), 400, "malformed-json")
    raw = json.dumps(platform.sample).replace("A message", r"Cut \ud83d off \u0000 here").encode()
    assert (await platform.post(SENDERS["telegram"].send(raw))).status_code == 200
    [item] = await platform.list_items()
    assert "Cut \ufffd off \ufffd here" in json.loads(item["body"])["text"]


async def test_a_delivery_that_holds_no_case_is_taken_and_leaves_nothing(world, monkeypatch):
    platform = await open_platform(world, "slack", monkeypatch)
    await platform.take({"type": "event_callback", "event_id": "Ev1", "event": {"type": "reaction_added"}})
    assert await platform.list_items() == []


@pytest.mark.parametrize(
    ("kind", "query", "status", "body"),
    [
        ("meta", "hub.mode=subscribe&hub.challenge=1158&hub.verify_token=meatyhamhock", 200, "1158"),
        ("meta", "hub.mode=subscribe&hub.challenge=1158&hub.verify_token=guess", 401, "bad-signature"),
        ("meta", "", 404, "not-found"),
        ("x", "crc_token=challenge", 200, "response_token"),
        ("x", "crc_token=%7B%22data%22%3A1%7D", 404, "not-found"),
        ("linkedin", "challengeCode=890e4665-4dfe-4ab1-b689-ed553bceeed0", 200, "challengeResponse"),
        ("linkedin", "challengeCode=hmacsha256%3D%7B%7D", 404, "not-found"),
        ("slack", "challenge=1", 404, "not-found"),
    ],
)
async def test_an_address_is_checked_over_get_even_while_the_source_is_paused(
    world, monkeypatch, kind, query, status, body
):
    platform = await open_platform(world, kind, monkeypatch)
    await platform.set_mode("paused")
    answer = await world.http.get(f"{platform.path}?{query}")
    assert (answer.status_code, body in answer.text) == (status, True)
    if status == 200:
        assert answer.headers["content-type"] == ("text/plain" if kind == "meta" else "application/json")


@pytest.mark.parametrize(
    ("kind", "payload", "headers", "status", "body"),
    [
        ("slack", {"type": "url_verification", "challenge": "3eZbrw1aBm2r"}, {}, 200, "3eZbrw1aBm2r"),
        ("discord", {"version": 1, "application_id": "1", "type": 0}, {}, 204, ""),
        ("discourse", {"ping": "OK"}, {"x_discourse_event_type": "ping", "x_discourse_event": "ping"}, 200, ""),
        (
            "twitch", {"challenge": "pogchamp", "subscription": {}},
            {"twitch_eventsub_message_type": "webhook_callback_verification"}, 200, "pogchamp",
        ),
    ],
)  # fmt: skip
async def test_an_address_is_checked_over_post_and_only_with_a_proof(
    world, monkeypatch, kind, payload, headers, status, body
):
    platform = await open_platform(world, kind, monkeypatch)
    answer = await platform.send(payload, **headers)
    assert (answer.status_code, answer.text) == (status, body)
    if kind == "twitch":
        assert answer.headers["content-type"] == "text/plain"
    forged = Delivery("POST", {}, {SENDERS[kind].signed: "sha256=" + "0" * 128}, json.dumps(payload).encode())
    read_problem(await platform.post(forged), 401, "bad-signature")


async def test_an_unknown_source_has_no_handshake_either(world, monkeypatch):
    answer = await world.http.get("/ingest/v1/sources/src_01m810rqawek7vvhmf9zbbfx9d?crc_token=x")
    read_problem(answer, 404, "not-found")
