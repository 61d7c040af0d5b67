"""A connection cut around COMMIT: nobody knows whether it is done, so everybody asks again, and it is done once."""

from urllib.parse import urlsplit

import pytest

from tests.faults.proxy import CuttingProxy
from tests.faults.support.installation import open_http
from tests.faults.support.scene import few_or_many
from tests.support.desk import Moderator
from tests.support.people import Caller, Client

pytestmark = pytest.mark.chaos


async def test_a_commit_whose_confirmation_never_came_is_done_once(scene):
    """Intake, claims and decisions alike go through the cutting proxy."""
    context = scene.installation.context
    server = urlsplit(context.app_url)
    wanted = few_or_many(8, 500)
    armed = False

    def choose():
        return scene.rng.choices(["no", "unanswered", "before"], [8, 3, 1])[0] if armed else "no"

    async with CuttingProxy(server.hostname, server.port, choose) as proxy:
        url = context.app_url.replace(f":{server.port}/", f":{proxy.port}/")
        async with scene.installation.second_api(url) as address, open_http(address) as http:
            scene.client = Client(http, scene.client.owner, scene.client.id, scene.client.source, scene.client.api)
            scene.moderators = [Moderator(Caller(http, one.caller.token)) for one in scene.moderators]

            async def cut() -> int:
                nonlocal armed
                armed = True
                while proxy.cuts["unanswered"] < wanted:
                    await scene.send(6)
                    await scene.send(2, "review")
                return proxy.cuts.total()

            stock = await scene.survive("31 connection cut around COMMIT", cut, rate=10)
    told = [receipt["status"] for sent in scene.ledger.sent for receipt in sent.receipts]
    assert "duplicate" in told, "no retry met what it had stored before"
    assert stock.all("decisions", automated=False), "no decision went through the proxy"
