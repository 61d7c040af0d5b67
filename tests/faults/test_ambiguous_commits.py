"""A connection cut around COMMIT: nobody knows whether it is done, so everybody asks again, and it is done once."""

import asyncio
from urllib.parse import urlsplit

import pytest

from tests.faults.proxy import CuttingProxy
from tests.faults.support.scene import few_or_many, through
from tests.support.desk import Moderator
from tests.support.people import Caller

pytestmark = pytest.mark.chaos


async def test_a_commit_whose_confirmation_never_came_is_done_once(scene):
    """Intake, claims and decisions alike go through the cutting proxy."""
    context = scene.installation.context
    server = urlsplit(context.app_url)

    armed = asyncio.Event()

    def choose():
        return scene.rng.choices(["no", "unanswered", "before"], [6, 3, 1])[0] if armed.is_set() else "no"

    async with CuttingProxy(server.hostname, server.port, choose) as proxy:
        url = context.app_url.replace(f":{server.port}/", f":{proxy.port}/")
        async with scene.installation.second_api(url) as address:
            straight = scene.client, scene.moderators
            scene.client = through(scene.client, address)
            scene.moderators = [Moderator(Caller(scene.client.http, one.caller.token)) for one in scene.moderators]

            async def cut() -> int:
                armed.set()
                for _ in range(few_or_many(6, 100)):
                    await scene.send(8)
                    await scene.send(2, "review")
                return proxy.cuts["unanswered"] + proxy.cuts["before"]

            stock = await scene.survive("connection cut around COMMIT", cut)
            await scene.client.http.aclose()
            scene.client, scene.moderators = straight
    assert proxy.cuts["unanswered"] > few_or_many(10, 300)
    told = [receipt["status"] for sent in scene.ledger.sent for receipt in sent.receipts]
    assert "duplicate" in told, "no retry met what it had stored before"
    assert stock.all("decisions", automated=False), "no decision went through the proxy"
