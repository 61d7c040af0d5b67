"""A webhook id never says two things: events that come again, at once, or while something fails."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api.ingest.posting import ITEM, RAW, source_url
from tests.api.refusals import count_stored, read_pointers, read_problem, receipts_of
from tests.support.people import Agency, Client, unique
from tests.support.world import BASE_URL, World
from veilleur.kernel.ids import read_id
from veilleur_api.app import create_app
from veilleur_api.parts import build_parts


async def test_a_mistake_is_told_before_a_conflict(client: Client):
    assert (await client.send(ITEM, webhook_id="msg_1")).status_code == 202
    answer = await client.send(ITEM | {"kind": "tweet"}, webhook_id="msg_1")
    assert read_pointers(answer, 422, "invalid") == ["/data/kind"]


async def test_a_webhook_id_never_says_two_things(world: World, client: Client):
    accepted = await client.send(ITEM, webhook_id="msg_1")
    assert receipts_of(accepted) == [("accepted", 1)]
    for other in (ITEM | {"text": "Bonsoir"}, ITEM | {"external_id": "c_2"}, ITEM | {"revision": 2}):
        read_problem(await client.send(other, webhook_id="msg_1"), 409, "event-conflict")
    assert await count_stored(world, client) == (1, 1, 1)
    [item] = await world.fetch(
        "SELECT revision, body->>'text' AS text FROM items WHERE source_id = $1", read_id("src", client.source["id"])
    )
    assert (item["revision"], item["text"]) == (1, "Bonjour")


async def test_the_same_event_again_is_a_duplicate_whatever_its_timestamp_and_spelling(world: World, client: Client):
    raw = b'{"type":"item.created","timestamp":"2026-11-22T10:00:00Z","data":{"external_id":"c_1","text":"\xc3\xa9"}}'
    later = b'{"data": {"text": "\\u00e9", "external_id": "c_1"}, "timestamp": "2026-11-22T11:30:00+01:00",\n "type": "item.created"}'
    undated = b'{"data":{"text":"\xc3\xa9","external_id":"c_1"},"type":"item.created"}'
    answers = [await client.post(one, client.sign(one, "msg_1")) for one in (raw, later, undated)]
    assert [receipts_of(answer) for answer in answers] == [[("accepted", 1)], [("duplicate", 1)], [("duplicate", 1)]]
    assert len({answer.json()["items"][0]["id"] for answer in answers}) == 1
    assert await count_stored(world, client) == (1, 1, 1)


async def test_two_contradicting_events_at_once_are_told_apart(world: World, client: Client):
    for number in range(5):
        hook, item = f"msg_{number}", {"external_id": f"c_{number}"}
        answers = await asyncio.gather(
            client.send(item | {"text": "one"}, webhook_id=hook), client.send(item | {"text": "two"}, webhook_id=hook)
        )
        first, second = sorted(answers, key=lambda answer: answer.status_code)
        assert receipts_of(first) == [("accepted", 1)]
        read_problem(second, 409, "event-conflict")
    assert await count_stored(world, client) == (5, 5, 5)


async def test_a_webhook_id_belongs_to_its_source(agency: Agency):
    for client in (await agency.add_client(), await agency.add_client()):
        assert receipts_of(await client.send(ITEM, webhook_id="msg_1")) == [("accepted", 1)]


async def test_a_refused_event_does_not_use_up_its_webhook_id(client: Client):
    read_problem(await client.send(ITEM | {"kind": "tweet"}, webhook_id="msg_1"), 422, "invalid")
    assert receipts_of(await client.send(ITEM, webhook_id="msg_1")) == [("accepted", 1)]


async def test_an_event_sent_again_never_undoes_a_newer_edit(world: World, client: Client):
    """The sender saw no answer to its first event, sent the edit, then tries the first one again."""
    await client.send(ITEM, webhook_id="msg_1")
    edited = await client.send(ITEM | {"text": "Bonsoir"}, webhook_id="msg_2")
    assert receipts_of(edited) == [("accepted", 2)]
    assert receipts_of(await client.send(ITEM, webhook_id="msg_1")) == [("duplicate", 2)]
    [item] = await world.fetch(
        "SELECT body->>'text' AS text FROM items WHERE source_id = $1", read_id("src", client.source["id"])
    )
    assert item["text"] == "Bonsoir"


@pytest.fixture
async def other_process(world: World) -> AsyncIterator[httpx.AsyncClient]:
    """A second API process on the same database: it shares no group and no cache with the first."""
    parts = build_parts(world.settings)
    app = create_app(world.settings, parts)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as http,
    ):
        yield http


async def test_50_identical_posts_at_once_store_one_item_and_one_usage_record(
    world: World, client: Client, other_process: httpx.AsyncClient
):
    async def post(number: int) -> httpx.Response:
        http = (client.http, other_process)[number % 2]
        return await http.post(source_url(client), content=RAW, headers=client.sign(RAW, f"msg_{number % 10}"))

    answers = await asyncio.gather(*map(post, range(50)))
    receipts = [answer.json()["items"][0] for answer in answers]
    assert sorted(receipt["status"] for receipt in receipts) == ["accepted"] + ["duplicate"] * 49
    assert len({receipt["id"] for receipt in receipts}) == 1
    assert await count_stored(world, client) == (1, 10, 1)
    records = await client.owner.call("GET", f"/owner/v1/usage/records?client={client.id}&meter=items.received")
    assert [(record["item"], record["quantity"]) for record in records["data"]] == [(receipts[0]["id"], "1")]


@pytest.mark.parametrize(("code", "status", "slug"), [("22023", 500, "internal"), ("53100", 503, "unavailable")])
async def test_one_row_that_postgresql_refuses_fails_alone_in_its_group(
    world: World, client: Client, refuse_texts: Any, code: str, status: int, slug: str
):
    texts = ["fine"] * 10 + ["poison"] + ["fine"] * 10
    async with refuse_texts("poison", code):
        answers = await asyncio.gather(*(client.send({"external_id": unique("c"), "text": text}) for text in texts))
    assert [answer.status_code for answer in answers] == [202] * 10 + [status] + [202] * 10
    read_problem(answers[10], status, slug)
    assert ("retry-after" in answers[10].headers) == (status == 503)
    assert await count_stored(world, client) == (20, 20, 20)


async def test_a_sender_that_hangs_up_takes_nobody_along(world: World, client: Client):
    sends = [asyncio.create_task(client.send({"external_id": f"c_{number}", "text": "x"})) for number in range(20)]
    await asyncio.sleep(0.005)
    sends[0].cancel()
    sends[10].cancel()
    answers = await asyncio.gather(*sends, return_exceptions=True)
    stayed = [answer for answer in answers if isinstance(answer, httpx.Response)]
    assert len(stayed) >= 18
    assert all(answer.status_code == 202 for answer in stayed)
