"""A Discourse forum asked for what its webhooks missed: nothing twice, nothing left out, its key never shown."""

import asyncio
import json
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from tests.api.ingest.platforms import WORD, open_platform
from tests.api.refusals import read_pointers, read_problem
from veilleur.domain.intake.sources.discourse_pages import MOST_PAGES, WINDOW, plan_windows
from veilleur_worker.drains import Drains

KEY = "a-key-of-the-forum"


class Forum:
    """As Discourse serves posts.json: the public posts of the fifty numbers that end at `before`."""

    def __init__(self):
        self.posts, self.asked, self.status = {}, [], 200

    def write(self, *numbers, **fields):
        for number in numbers:
            at = f"2026-11-22T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"
            post = {"id": number, "raw": f"Post {number}", "version": 1, "user_id": 1, "created_at": at}
            self.posts[number] = post | fields

    def page(self, before):
        last = before or max(self.posts, default=0)
        shown = [post for number, post in sorted(self.posts.items(), reverse=True) if last - 50 < number <= last]
        return {"latest_posts": shown}

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head)
        before = int(head.split(" ")[1].partition("before=")[2] or 0)
        body = json.dumps(self.page(before)).encode()
        writer.write(
            f"HTTP/1.1 {self.status} x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode() + body
        )
        await writer.drain()
        writer.close()


@asynccontextmanager
async def open_forum(world, monkeypatch):
    forum = Forum()
    async with await asyncio.start_server(forum.serve, "127.0.0.1", 0) as server:
        platform = await open_platform(world, "discourse", monkeypatch)
        path = f"{platform.desk.client.base}/sources/{platform.source['id']}/poll"
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield forum, platform, path, url


async def ask(world, platform, minutes=0):
    """What the worker does when the poll is due."""
    await world.move_clock(timedelta(minutes=minutes))
    try:
        await Drains(world.worker).run("poll", platform.desk.agency_id)
    finally:
        await world.reset_clock()


async def test_what_was_missed_is_fetched_once(world, monkeypatch):
    async with open_forum(world, monkeypatch) as (forum, platform, path, url):
        owner = platform.desk.agency.owner
        forum.write(1, 2)
        read_problem(await owner.ask("GET", path), 404, "not-found")
        made = await owner.call("PUT", path, {"url": url, "api_key": KEY}, 200)
        assert KEY not in json.dumps(made)
        await ask(world, platform)
        assert [item["external_id"] for item in await platform.list_items()] == ["1", "2"]
        assert f"api-key: {KEY}\r\napi-username: system" in forum.asked[0].lower()
        await platform.take({"post": forum.posts[2] | {"topic_title": "Only webhooks say it"}})
        forum.write(*range(3, 204))
        await ask(world, platform, minutes=6)
        items = await platform.list_items()
        assert {int(item["external_id"]) for item in items} == set(range(1, 204))
        assert {item["revision"] for item in items} == {1}
        seen = await owner.call("GET", path, status=200)
        assert (seen["cursor"], seen["last_error"]) == (203, None)
        before = len(forum.asked)
        await ask(world, platform, minutes=3)
        assert len(forum.asked) == before
        for table in ("source_polls", "audit_entries"):
            rows = await platform.desk.fetch(f"SELECT * FROM {table} WHERE agency_id = $1")
            assert KEY not in str([dict(row) for row in rows])
        await owner.call("DELETE", path, status=204)
        await ask(world, platform, minutes=60)
        assert len(forum.asked) == before


async def test_a_forum_that_fails_is_asked_again_from_where_it_was(world, monkeypatch):
    async with open_forum(world, monkeypatch) as (forum, platform, path, url):
        owner = platform.desk.agency.owner
        forum.write(1)
        await owner.call("PUT", path, {"url": url, "api_key": KEY}, 200)
        await ask(world, platform)
        forum.write(2)
        forum.status = 429
        await ask(world, platform, minutes=6)
        assert (await owner.call("GET", path))["last_error"] == "http 429"
        forum.status = 200
        await ask(world, platform, minutes=12)
        assert len(await platform.list_items()) == 2


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({}, ["/url", "/api_key"]),
        ({"url": "http://10.0.0.1/", "api_key": KEY}, ["/url"]),
        ({"url": "https://forum.example", "api_key": "é" * 10, "every_s": 1}, ["/api_key", "/every_s"]),
    ],
)
async def test_a_poll_of_another_shape_gets_422(world, monkeypatch, body, pointers):
    platform = await open_platform(world, "discourse", monkeypatch)
    path = f"{platform.desk.client.base}/sources/{platform.source['id']}/poll"
    assert read_pointers(await platform.desk.agency.owner.ask("PUT", path, body), 422, "invalid") == pointers
    slack = await open_platform(world, "slack", monkeypatch, platform.desk, signing_secret=WORD)
    path = f"{platform.desk.client.base}/sources/{slack.source['id']}/poll"
    wanted = {"url": "http://127.0.0.1:9", "api_key": KEY}
    read_problem(await platform.desk.agency.owner.ask("PUT", path, wanted), 409, "conflict")


@pytest.mark.parametrize(("cursor", "newest"), [(0, 1), (1, 2), (7, 57), (7, 58), (100, 99), (5, 5), (0, 100_000)])
def test_windows_leave_nothing_out(cursor, newest):
    windows = plan_windows(cursor, newest)
    covered = {number for before in windows for number in range(before - WINDOW + 1, before + 1)}
    reached = min(windows[-1], newest) if windows else cursor
    assert set(range(cursor + 1, reached + 1)) <= covered
    assert reached == max(cursor, min(newest, cursor + WINDOW * MOST_PAGES))
