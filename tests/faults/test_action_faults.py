"""What a decision does on a platform outlives the worker that was doing it."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from tests.faults.support.installation import wait_until
from tests.faults.support.scene import few_or_many
from tests.support.people import Client, Json
from tests.support.platforms import Answer, Asked, Site, answer
from veilleur.domain.delivery.act import LEASE_S

pytestmark = pytest.mark.chaos

ACTIONS = """
SELECT i.external_id, a.state, a.reason FROM platform_actions a
JOIN items i ON i.agency_id = a.agency_id AND i.id = a.item_id
JOIN decisions d ON d.agency_id = a.agency_id AND d.id = a.decision_id AND d.verdict = 'remove'
WHERE a.agency_id = $1
"""


@dataclass
class Forum:
    """A forum that deletes posts: the second time it says that there is none. While `answering` is not set, deletions
    are done and not answered.
    """

    site: Site = field(default_factory=Site)
    deleted: Counter[str] = field(default_factory=Counter)
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, asked: Asked) -> Answer:
        self.site.answering = self.answering if asked.method == "DELETE" else None
        if asked.method != "DELETE":
            return answer(200, {"reviewable_id": None})
        post = asked.path.removeprefix("/posts/").removesuffix(".json")
        self.deleted[post] += 1
        return answer(200 if self.deleted[post] == 1 else 404, {})

    async def take_deletion(self) -> None:
        """Wait until one is done; it is not answered."""
        before = self.deleted.total()
        await wait_until(lambda: self.deleted.total() > before, "a deletion", every=0.005)


@asynccontextmanager
async def open_forum(client: Client) -> AsyncIterator[Forum]:
    """Where all that is removed of the client's source is removed."""
    forum = Forum()
    forum.answering.set()
    forum.site.handle = forum.take
    async with await asyncio.start_server(forum.site.serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        credentials: Json = {"url": url, "api_key": "a-key-of-the-forum"}
        body = {"mode": "act", "platform": "discourse", "credentials": credentials}
        await client.owner.call("PUT", f"{client.base}/sources/{client.source['id']}/actor", body, 200)
        yield forum


async def test_an_action_whose_worker_was_killed_is_done_once_more_and_found_done(scene):
    """No platform says who asked before. It may have been done, so it is done again, and "it is gone already" is done."""
    times = few_or_many(1, 20)
    async with open_forum(scene.client) as forum:
        for _ in range(times):
            forum.answering.clear()
            deletion = asyncio.create_task(forum.take_deletion())
            await scene.send(5)
            await scene.send(3, "remove")
            await deletion
            await scene.installation.strike("worker")
            forum.answering.set()
            await wait_until(lambda: is_idle(scene, "items", "state = 'received'"), "all decisions")
            await scene.installation.pass_time(LEASE_S + 1)
            await wait_until(lambda: is_idle(scene, "platform_actions", "due_at IS NOT NULL"), "all actions")
        stock = await scene.reckon("50 kill -9 of the worker while it acts on a platform", times)
    acted = await scene.fetch(ACTIONS)
    names = {row["id"]: row["external_id"] for row in stock.all("items")}
    removed = {names[row["item_id"]] for row in stock.all("decisions", automated=True, verdict="remove")}
    assert Counter(row["external_id"] for row in acted) == Counter(dict.fromkeys(removed, 1))
    assert {row["state"] for row in acted} == {"done"}
    assert set(forum.deleted) == removed
    again = {name: calls for name, calls in forum.deleted.items() if calls > 1}
    assert again == dict.fromkeys((row["external_id"] for row in acted if row["reason"] == "already_gone"), 2)
    assert len(again) == times


async def test_a_worker_that_is_asked_to_stop_hears_the_platform_out(scene):
    """Else every deployment would do over what was under way, a minute later."""
    async with open_forum(scene.client) as forum:
        forum.answering.clear()
        deletion = asyncio.create_task(forum.take_deletion())
        await scene.send(1, "remove")
        await deletion
        stopping = asyncio.create_task(scene.installation.strike("worker", signal.SIGTERM))
        await asyncio.sleep(2)
        forum.answering.set()
        await stopping
        await scene.reckon("4 SIGTERM of the worker while it acts", 1)
    assert [tuple(row)[1:] for row in await scene.fetch(ACTIONS)] == [("done", None)]
    assert forum.deleted.total() == 1


async def is_idle(scene, table, condition) -> bool:
    return not await scene.count(table, condition)
