"""Whoever asks for much gets a little of it, and everybody else is served as if nothing had happened."""

import asyncio
import json
import time
import tracemalloc
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from tests.api.refusals import read_problem
from tests.support.desk import open_desk, slug
from tests.support.people import Agency, Caller, unique
from tests.support.world import World
from veilleur.domain.tenancy.secret_limit import MOST_SECRETS
from veilleur.kernel.strict_json import strict_loads
from veilleur_api.guard import BULK_BODY, BULK_NODES, MIB
from veilleur_api.waits import OF_A_FEED, OF_A_MEMBER

CHUNK = b" " * 65_536
ME = "/moderator/v1/me"


def pour(size: int, seen: list[int]) -> AsyncIterator[bytes]:
    """A body in pieces; `seen` is how much memory there was at each of them."""

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(size // len(CHUNK)):
            seen.append(tracemalloc.get_traced_memory()[0])
            yield CHUNK

    return chunks()


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/owner/v1/rule-sets/check"), ("POST", "/ingest/v1/items"), ("PUT", "/owner/v1/clients/x/config")],
)
async def test_what_a_stranger_pours_in_is_not_kept(world: World, method: str, path: str):
    seen: list[int] = []
    tracemalloc.start()
    try:
        headers = {"authorization": "Bearer nobody", "content-type": "application/json"}
        answer = await world.http.request(method, path, content=pour(BULK_BODY, seen), headers=headers)
    finally:
        tracemalloc.stop()
    read_problem(answer, 401, "unauthenticated")
    assert len(seen) == BULK_BODY // len(CHUNK), "the body is read to its end: what is too large is told first"
    assert max(seen) - seen[0] < 3 * MIB


async def test_too_large_and_encoded_are_told_before_who_it_was(world: World):
    for size, headers, status in (
        (BULK_BODY + MIB, {}, 413),
        (2 * MIB, {"content-encoding": "gzip"}, 415),
        (MIB // 2, {"content-encoding": "gzip"}, 415),
        (2 * MIB, {}, 401),
    ):
        answer = await world.http.post("/ingest/v1/items", content=pour(size, []), headers=headers)
        assert answer.status_code == status


async def test_of_who_is_known_a_large_body_is_read_whole(agency: Agency):
    client = await agency.add_client()
    items = [{"external_id": unique("c"), "text": "x" * 40_000} for _ in range(60)]
    answer = await client.api.ask("POST", "/ingest/v1/items", {"source": client.source["id"], "items": items})
    assert answer.status_code == 202
    assert len(json.dumps(items)) > 2 * MIB


async def test_one_moderator_waits_in_so_many_places_and_no_more(world: World):
    desk = await open_desk(world)
    caller, wanted = desk.moderator.caller, {"hold": 1, "wait": 2}
    waiting = [asyncio.create_task(caller.ask("POST", "/moderator/v1/assignments", wanted)) for _ in range(OF_A_MEMBER)]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    answer = await caller.call("POST", "/moderator/v1/assignments", wanted, 200)
    assert answer == {"assignments": [], "reason": "empty"}
    assert time.monotonic() - began < 1
    other = await desk.hire()
    theirs = asyncio.create_task(other.caller.ask("POST", "/moderator/v1/assignments", wanted))
    await asyncio.sleep(0.3)
    assert not any(one.done() for one in [*waiting, theirs]), "the others go on waiting"
    await asyncio.gather(*waiting, theirs)
    assert world.parts.waits._waiting.total() == 0


async def test_one_client_waits_for_its_feed_in_so_many_places_and_no_more(world: World, agency: Agency):
    client = await agency.add_client()
    path = "/ingest/v1/events?wait=2"
    waiting = [asyncio.create_task(client.api.ask("GET", path)) for _ in range(OF_A_FEED)]
    await asyncio.sleep(0.3)
    began = time.monotonic()
    assert (await client.api.call("GET", path, status=200))["data"] == []
    assert time.monotonic() - began < 1
    assert not any(one.done() for one in waiting)
    await asyncio.gather(*waiting)


async def test_a_wait_that_is_given_up_is_given_back(world: World, agency: Agency):
    client = await agency.add_client()
    for _ in range(2 * OF_A_FEED):
        waiting = asyncio.create_task(client.api.ask("GET", "/ingest/v1/events?wait=20"))
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    assert world.parts.waits._waiting.total() == 0


@pytest.mark.parametrize("whose", ["endpoint", "source", "own endpoint"])
async def test_so_many_secrets_hold_at_once_and_no_more(agency: Agency, whose: str):
    client = await agency.add_client()
    endpoint = await client.add_endpoint("http://127.0.0.1:9/hook")
    caller, path = {
        "endpoint": (agency.owner, f"{client.base}/endpoints/{endpoint['id']}/secrets"),
        "source": (agency.owner, f"{client.base}/sources/{client.source['id']}/secrets"),
        "own endpoint": (client.api, f"/ingest/v1/endpoints/{endpoint['id']}/secrets"),
    }[whose]
    for _ in range(MOST_SECRETS - 1):
        await caller.call("POST", path, {"overlap_s": 2_592_000}, 201)
    read_problem(await caller.ask("POST", path, {"overlap_s": 2_592_000}), 409, "secret-limit")
    await caller.call("POST", path, {"overlap_s": 0}, 201)
    await caller.call("POST", path, {"overlap_s": 60}, 201)


async def test_strangers_take_no_connection_that_the_desk_needs(world: World):
    """Whatever hangs behind a look-up on nobody's word, here the table of codes."""
    desk = await open_desk(world)
    await desk.moderator.get_id()
    connection = await asyncpg.connect(world.owner_url)
    guesses: list[asyncio.Task[Any]] = []
    try:
        async with connection.transaction():
            await connection.execute("LOCK TABLE login_codes IN ACCESS EXCLUSIVE MODE")
            form = {"grant_type": "urn:veilleur:grant-type:login-code", "code": "vl_code_x"}
            guesses = [asyncio.create_task(world.http.post("/oauth/token", data=form)) for _ in range(20)]
            await asyncio.sleep(0.3)
            async with asyncio.timeout(2):
                assert (await desk.moderator.caller.ask("GET", ME)).status_code == 200
    finally:
        await connection.close()
        answers = await asyncio.gather(*guesses)
    assert {answer.status_code for answer in answers} == {400}


async def test_clients_take_no_connection_that_the_desk_needs(world: World, agency: Agency):
    client = await agency.add_client()
    await client.accept(author={"external_id": "u_1"})
    with world.count_statements() as sent:
        answers = [
            await client.api.ask("GET", f"/ingest/v1/items?source={client.source['id']}&external_id=unknown"),
            await client.api.ask("GET", "/ingest/v1/authors/u_1"),
            await client.api.ask("DELETE", "/ingest/v1/authors/u_1"),
            await client.api.ask("GET", f"/ingest/v1/erasures/{'ers_' + '0' * 26}"),
        ]
    assert [answer.status_code for answer in answers] == [404, 200, 202, 404]
    assert sent == []


async def test_however_many_ask_whether_it_is_ready_it_looks_once_at_a_time(world: World):
    await world.http.get("/readyz")
    with world.count_statements() as sent:
        await world.http.get("/readyz")
    one = len(sent)
    with world.count_statements() as sent:
        answers = await asyncio.gather(*(world.http.get("/readyz") for _ in range(40)))
    assert len({answer.status_code for answer in answers}) == 1
    assert len(sent) <= 2 * one


async def test_rule_sets_are_tried_without_a_connection_in_hand(world: World, agency: Agency):
    """More at once than there are connections for people, and each as slow as its author likes."""
    rule_set = {
        "format": "veilleur.rules/v1", "schema": "item/v1", "name": "slow", "fallback": {"verdict": "allow"},
        "lists": {}, "rules": [],
    }  # fmt: skip
    body = {"rule_set": rule_set, "items": [{"external_id": "c", "text": "x"}]}
    paths = ("/owner/v1/rule-sets/preview", "/owner/v1/rule-sets/check")
    async with world.parts.trials, world.parts.trials:
        tried = [
            asyncio.create_task(agency.owner.ask("POST", path, body if path == paths[0] else {"rule_set": rule_set}))
            for path in paths * world.settings.pool_size
        ]
        async with asyncio.timeout(5):
            while len(world.parts.trials._waiters or ()) < len(tried):  # noqa: ASYNC110 - short, and in tests only
                await asyncio.sleep(0.02)
        assert (await agency.owner.ask("GET", "/owner/v1/clients")).status_code == 200
    assert {answer.status_code for answer in await asyncio.gather(*tried)} == {200}


async def test_no_link_leads_to_a_host_that_the_caller_made_up(agency: Agency):
    client = await agency.add_client()
    for _ in range(2):
        await client.accept()
    path = f"/owner/v1/usage/records?client={client.id}&format=csv&limit=1"
    answer = await agency.owner.ask("GET", path, host="elsewhere.example")
    assert answer.status_code == 200, slug(answer)
    assert "elsewhere" not in answer.headers["link"]
    following = answer.headers["link"].partition(">")[0].removeprefix("<")
    assert len((await Caller(agency.http, agency.owner.token).ask("GET", following)).text.splitlines()) == 2


async def test_while_a_large_document_is_read_the_others_are_served(world: World, agency: Agency):
    client = await agency.add_client()
    numbers = b"[" + b",".join([b"1234567"] * 900_000) + b"]"
    began = time.perf_counter()
    strict_loads(numbers, max_nodes=BULK_NODES)
    alone = time.perf_counter() - began
    headers = client.api.headers | {"content-type": "application/json"}
    answering = asyncio.create_task(world.http.post("/ingest/v1/items", content=numbers, headers=headers))
    longest = 0.0
    while not answering.done():
        began = time.perf_counter()
        await asyncio.sleep(0)
        longest = max(longest, time.perf_counter() - began)
    assert (await answering).status_code == 422
    assert longest < 0.5 * alone
