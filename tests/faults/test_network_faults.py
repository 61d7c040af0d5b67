"""The network between the API and PostgreSQL: slow, torn, or silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from tests.faults.proxy import CuttingProxy
from tests.faults.support.installation import open_http
from tests.faults.support.scene import few_or_many
from tests.support.people import Client

pytestmark = pytest.mark.chaos


@asynccontextmanager
async def behind(proxy: CuttingProxy, scene) -> AsyncIterator[None]:
    """The scene's client speaks to an API whose database is behind `proxy`."""
    context = scene.installation.context
    url = context.app_url.replace(f":{urlsplit(context.app_url).port}/", f":{proxy.port}/")
    async with scene.installation.second_api(url) as address, open_http(address) as http:
        scene.client = Client(http, scene.client.owner, scene.client.id, scene.client.source, scene.client.api)
        yield


def server_of(scene):
    server = urlsplit(scene.installation.context.app_url)
    return server.hostname, server.port


async def test_a_slow_network_that_tears_connections_loses_and_doubles_nothing(scene):
    slow = few_or_many(0.01, 0.1)
    weights = few_or_many([8, 1, 1], [98, 1, 1])
    suffering = asyncio.Event()

    def lag():
        return scene.rng.uniform(slow, 2 * slow) if suffering.is_set() else 0.0

    def choose():
        return scene.rng.choices(["no", "before", "unanswered"], weights)[0] if suffering.is_set() else "no"

    async with CuttingProxy(*server_of(scene), choose, lag) as proxy, behind(proxy, scene):

        async def suffer() -> int:
            suffering.set()
            await asyncio.sleep(few_or_many(3, 60))
            suffering.clear()
            return proxy.cuts["before"] + proxy.cuts["unanswered"]

        await scene.survive("30 slow network that tears connections", suffer, rate=20)


async def test_a_network_that_swallows_everything_is_refused_and_outlived(scene):
    """No connection is closed: only patience tells."""
    async with CuttingProxy(*server_of(scene)) as proxy, behind(proxy, scene):

        async def swallow() -> int:
            proxy.passing.clear()
            await asyncio.sleep(few_or_many(5, 40))
            proxy.passing.set()
            return 1

        await scene.survive("32 network that swallows everything", swallow, rate=20)
    assert scene.ledger.refused, "nobody was refused: nothing was swallowed"
