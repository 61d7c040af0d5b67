"""A database that hangs: senders hear "try again" in time, and what they were unsure of is not done twice."""

import asyncio
import json
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.support.desk import open_desk
from veilleur.infra import kept
from veilleur.kernel.ids import new_id
from veilleur_api.ingest import group_commit


@asynccontextmanager
async def stuck(world, table):
    """Nobody gets past this table."""
    connection = await asyncpg.connect(world.admin_url)
    try:
        async with connection.transaction():
            await connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
            yield
    finally:
        await connection.close()


async def test_a_webhook_is_told_to_try_again_and_its_retry_finds_what_was_stored(world, monkeypatch):
    desk = await open_desk(world)
    raw = json.dumps({"type": "item.created", "data": {"external_id": "c1", "text": "Bonjour"}}).encode()
    headers = desk.client.sign(raw)
    await desk.client.accept()
    monkeypatch.setattr(group_commit, "PATIENCE_S", 0.1)
    async with stuck(world, "webhook_receipts"):
        answer = await asyncio.wait_for(desk.client.post(raw, headers), 2)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:veilleur:problem:unavailable")
        assert answer.headers["retry-after"].isdecimal()
    monkeypatch.undo()
    again = await desk.client.post(raw, headers)
    assert (again.status_code, again.json()["items"][0]["status"]) == (202, "duplicate")
    assert await desk.count("items", "external_id = 'c1'") == 1
    assert await desk.count("usage_records", "meter = 'items.received'") == 2


async def test_a_look_up_is_given_up_in_time_goes_on_and_is_shared(world, monkeypatch):
    asked, gate = [], asyncio.Event()

    async def load(key):
        asked.append(key)
        await gate.wait()
        return "found"

    kept_ones, key = kept.Kept(load), new_id()
    monkeypatch.setattr(kept, "PATIENCE_S", 0.01)
    answers = await asyncio.gather(*(kept_ones.get(key) for _ in range(3)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [TimeoutError] * 3
    gate.set()
    assert await kept_ones.get(key) == "found"
    assert asked == [key]


async def test_a_look_up_that_failed_is_tried_again(world):
    failures = [ConnectionError()]

    async def load(key):
        if failures:
            raise failures.pop()
        return "found"

    kept_ones = kept.Kept(load)
    with pytest.raises(ConnectionError):
        await kept_ones.get("key")
    assert await kept_ones.get("key") == "found"
