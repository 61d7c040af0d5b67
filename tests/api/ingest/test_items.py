"""Bulk intake: all or nothing, every mistake of every item at once, and which revision an arrival becomes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from tests.api.refusals import NOTHING, count_stored, read_pointers, read_problem, receipts_of
from tests.support.people import Agency, Caller, Client
from tests.support.world import World
from veilleur.kernel.ids import new_id, read_id, show_id

URL = "/ingest/v1/items"
MIB = 1024 * 1024


def item(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"external_id": f"c_{number}", "text": f"Texte {number}"} | fields


async def send(client: Client, *items: Any, **fields: Any) -> httpx.Response:
    return await client.api.ask("POST", URL, {"source": client.source["id"], "items": list(items)} | fields)


async def send_raw(client: Client, content: Any, **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.http.post(URL, content=content, headers=client.api.headers | named)


async def test_up_to_1000_items_are_taken_in_one_call(world: World, client: Client):
    answer = await send(client, *map(item, range(1_000)))
    assert receipts_of(answer) == [("accepted", 1)] * 1_000
    assert [receipt["external_id"] for receipt in answer.json()["items"]] == [f"c_{number}" for number in range(1_000)]
    assert await count_stored(world, client) == (1_000, 0, 1_000)


@pytest.mark.parametrize("count", [0, 1_001])
async def test_no_item_or_more_than_1000_get_422(world: World, shared_client: Client, count: int):
    assert read_pointers(await send(shared_client, *map(item, range(count))), 422, "invalid") == ["/items"]
    assert await count_stored(world, shared_client) == NOTHING


async def test_one_mistake_stores_nothing_of_the_call(world: World, shared_client: Client):
    answer = await send(shared_client, item(1), item(2), item(3, kind="tweet"))
    assert read_pointers(answer, 422, "invalid") == ["/items/2/kind"]
    assert await count_stored(world, shared_client) == NOTHING


async def test_mistakes_of_all_items_are_told_at_once(shared_client: Client):
    answer = await send(
        shared_client,
        item(1, text=5, zz=1),
        item(2),
        {"text": "x"},
        item(4, type="item.liked", kind="tweet"),
        item(5, type=["item.created"]),
        item(6, metadata={"a": {}}),
        {"type": "item.deleted"},
        {"type": "item.reported", "external_id": "c"},
    )
    assert read_pointers(answer, 422, "invalid") == [
        "/items/0/text",
        "/items/0/zz",
        "/items/2/external_id",
        "/items/3/type",
        "/items/3/kind",
        "/items/4/type",
        "/items/5/metadata/a",
        "/items/6/external_id",
        "/items/7/report",
    ]


async def test_a_thousand_wrong_items_are_told_a_thousand_times(shared_client: Client):
    answer = await send(shared_client, *(item(number, kind="tweet") for number in range(1_000)))
    assert len(read_pointers(answer, 422, "invalid")) == 1_000


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/source", "/items"]),
        ([], [""]),
        ({"source": 1, "items": {}}, ["/source", "/items"]),
        ({"source": "src_x", "items": [1, "x", None]}, ["/items/0", "/items/1", "/items/2"]),
        ({"source": "src_x", "items": [{}], "wait": 5}, ["/wait"]),
    ],
)
async def test_a_call_of_another_shape_gets_422(shared_client: Client, body: Any, pointers: list[str]):
    assert read_pointers(await shared_client.api.ask("POST", URL, body), 422, "invalid") == pointers


async def test_events_that_come_later_are_refused_by_name(world: World, shared_client: Client):
    answer = await send(shared_client, item(1), {"external_id": "c_2", "type": "appeal.created"})
    assert read_pointers(answer, 422, "not-yet") == ["/items/1/type"]
    assert await count_stored(world, shared_client) == NOTHING


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ("NaN", "/items/1/metadata/n"),
        ("9007199254740993", "/items/1/metadata/n"),
        ("9" * 5_000, "/items/1/metadata/n"),
        ('"\\u0000"', "/items/1/metadata/n"),
        ('"\\ud800"', "/items/1/metadata/n"),
        ('1, "n": 2', "/items/1/metadata/n"),
        ("[" * 60 + "]" * 60, ""),
        ("[", ""),
    ],
)
async def test_one_unreadable_value_refuses_the_whole_body(
    world: World, shared_client: Client, value: str, pointer: str
):
    source, good = shared_client.source["id"], json.dumps(item())
    raw = f'{{"source": "{source}", "items": [{good}, {{"external_id": "c", "text": "x", "metadata": {{"n": {value}}}}}]}}'
    assert read_pointers(await send_raw(shared_client, raw), 400, "malformed-json") == [pointer]
    assert await count_stored(world, shared_client) == NOTHING


async def test_a_source_that_is_not_this_clients_gets_404(world: World, agency: Agency):
    mine, theirs = await agency.add_client(), await agency.add_client()
    stranger = await (await world.operator.found_agency()).add_client()
    unknown = [show_id("src", new_id()), mine.id, "", "src_\u00e9", "x" * 5_000]
    for source in (theirs.source["id"], stranger.source["id"], *unknown):
        read_problem(await send(mine, item(), source=source), 404, "not-found")
    for client in (mine, theirs, stranger):
        assert await count_stored(world, client) == NOTHING


async def test_a_key_without_the_scope_gets_403(world: World, client: Client):
    body = {"kind": "api_key", "name": "reader", "scopes": ["items:read"]}
    key = await client.owner.call("POST", f"{client.base}/credentials", body, 201)
    reader = Caller(client.http, key["api_key"])
    read_problem(
        await reader.ask("POST", URL, {"source": client.source["id"], "items": [item()]}), 403, "missing-scope"
    )
    assert await count_stored(world, client) == NOTHING


async def blanks(mebibytes: int) -> AsyncIterator[bytes]:
    for _ in range(mebibytes):
        yield b" " * MIB


async def test_refusals_come_in_the_order_of_the_contract(shared_client: Client):
    post = shared_client.http.post
    huge = {"content-length": str(16 * MIB + 1), "content-encoding": "gzip"}
    read_problem(await post(URL, content=blanks(1), headers=huge), 413, "too-large")
    read_problem(await post(URL, content=blanks(17)), 413, "too-large")
    read_problem(await post(URL, content=b"[", headers={"content-encoding": "gzip"}), 415, "unsupported-encoding")
    read_problem(await post(URL, content=b"["), 401, "unauthenticated")
    read_problem(await send_raw(shared_client, b"[", content_type="text/xml"), 415, "unsupported-media")
    read_problem(await send_raw(shared_client, b"["), 400, "malformed-json")
    read_problem(await send_raw(shared_client, b"{}"), 422, "invalid")


async def test_two_mib_are_within_the_limit_of_a_bulk_call(client: Client):
    raw = json.dumps({"source": client.source["id"], "items": [item()]}).encode().ljust(2 * MIB)
    assert receipts_of(await send_raw(client, raw)) == [("accepted", 1)]


async def test_the_same_content_again_is_a_duplicate_with_the_same_id(world: World, client: Client):
    first, again = await send(client, item()), await send(client, item())
    assert receipts_of(first) + receipts_of(again) == [("accepted", 1), ("duplicate", 1)]
    assert first.json()["items"][0]["id"] == again.json()["items"][0]["id"]
    by_webhook = await client.send(item())
    assert receipts_of(by_webhook) == [("duplicate", 1)]
    assert await count_stored(world, client) == (1, 1, 1)


async def test_other_content_is_the_next_revision_and_received_once(world: World, client: Client):
    texts = ["one", "two", "two", "one"]
    answers = [await send(client, item(text=text)) for text in texts]
    assert [receipts_of(answer)[0] for answer in answers] == [
        ("accepted", 1),
        ("accepted", 2),
        ("duplicate", 2),
        ("accepted", 3),
    ]
    assert await count_stored(world, client) == (1, 0, 1)
    kept = await world.fetch(
        """SELECT r.revision, r.body->>'text' AS text FROM item_revisions r JOIN items i ON i.id = r.item_id
           WHERE i.source_id = $1 ORDER BY r.revision""",
        read_id("src", client.source["id"]),
    )
    assert [tuple(row) for row in kept] == [(1, "one"), (2, "two")]


async def test_numbered_revisions_are_weighed_by_their_number(world: World, client: Client):
    steps = [
        (3, "three", ("accepted", 3)),
        (3, "three", ("duplicate", 3)),
        (3, "other", ("conflict", 3)),
        (2, "two", ("superseded", 3)),
        (2, "three", ("superseded", 3)),
        (5, "three", ("accepted", 5)),
        (4, "four", ("superseded", 5)),
        (None, "three", ("duplicate", 5)),
        (None, "six", ("accepted", 6)),
    ]
    for number, text, outcome in steps:
        numbered = {"revision": number} if number else {}
        assert receipts_of(await send(client, item(text=text, **numbered))) == [outcome]
    [row] = await world.fetch(
        "SELECT revision, body->>'text' AS text FROM items WHERE source_id = $1", read_id("src", client.source["id"])
    )
    assert tuple(row) == (6, "six")


async def test_one_item_several_times_in_a_call_is_weighed_in_its_order(world: World, client: Client):
    answer = await send(client, item(text="a"), item(2), item(text="a"), item(text="b"), item(text="a", revision=1))
    assert receipts_of(answer) == [
        ("accepted", 1),
        ("accepted", 1),
        ("duplicate", 1),
        ("accepted", 2),
        ("superseded", 2),
    ]
    ids = [receipt["id"] for receipt in answer.json()["items"]]
    assert len({ids[0], ids[2], ids[3], ids[4]}) == 1
    assert await count_stored(world, client) == (2, 0, 2)


async def test_overlapping_calls_at_once_store_each_item_once(world: World, client: Client):
    calls = [[item(number) for number in range(start, start + 20)] for start in range(0, 50, 5)]
    calls += [list(reversed(call)) for call in calls]
    answers = await asyncio.gather(*(send(client, *call) for call in calls))
    statuses = [status for answer in answers for status, _ in receipts_of(answer)]
    distinct = len({one["external_id"] for call in calls for one in call})
    assert statuses.count("accepted") == distinct
    assert set(statuses) == {"accepted", "duplicate"}
    assert await count_stored(world, client) == (distinct, 0, distinct)


async def test_a_call_with_a_row_that_postgresql_refuses_stores_nothing_and_hurts_nobody(
    world: World, agency: Agency, refuse_texts: Any
):
    unlucky, lucky = await agency.add_client(), await agency.add_client()
    async with refuse_texts("poison", "22023"):
        bad, *good = await asyncio.gather(
            send(unlucky, item(1), item(2, text="poison"), item(3)), *(send(lucky, item(number)) for number in range(9))
        )
    read_problem(bad, 500, "internal")
    assert await count_stored(world, unlucky) == NOTHING
    assert [receipts_of(answer) for answer in good] == [[("accepted", 1)]] * 9
