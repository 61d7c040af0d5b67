"""Workers whose counters are in a Valkey of their own, so that a test may take it away."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.support.desk import Desk
from tests.support.valkey import open_valkey
from veilleur.infra.counters import Counters
from veilleur_worker.drains import Drains
from veilleur_worker.parts import Parts


@dataclass(frozen=True, slots=True)
class CountingWorker:
    parts: Parts
    url: str

    async def screen(self, desk: Desk) -> None:
        assert await Drains(self.parts).run("screening", desk.agency_id)

    async def recount(self, desk: Desk) -> None:
        assert await Drains(self.parts).run("counters", desk.agency_id)

    async def see(self, desk: Desk, **item: Any) -> str:
        """Send an item and screen it; its id."""
        receipt = await desk.client.accept(**item)
        await self.screen(desk)
        shown: str = receipt["id"]
        return shown


@pytest.fixture(scope="session")
def counting_valkey() -> Iterator[str]:
    with open_valkey() as url:
        yield url


@pytest.fixture
async def worker(world, counting_valkey) -> AsyncIterator[CountingWorker]:
    counters = Counters(counting_valkey)
    yield CountingWorker(replace(world.worker, counters=counters), counting_valkey)
    await counters.close()
