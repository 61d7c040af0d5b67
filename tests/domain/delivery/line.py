"""A client that is called back for its decisions, and what its owner and its engineer see of it."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.support.desk import ASK_RULES, Desk, open_desk
from tests.support.people import Caller
from tests.support.receiver import Receiver
from tests.support.world import World
from veilleur_worker.drains import Drains


@dataclass(frozen=True)
class Line:
    desk: Desk
    receiver: Receiver
    endpoint: dict[str, Any]

    @property
    def owner(self) -> Caller:
        return self.desk.agency.owner

    @property
    def path(self) -> str:
        """Of its endpoint, for the owner."""
        return f"{self.desk.client.base}/endpoints/{self.endpoint['id']}"

    async def decide(self, text: str = "bad", **fields: Any) -> str:
        """An item that the rules decide; its callback is sent when the worker gets to it."""
        receipt = await self.desk.client.accept(text, **fields)
        await Drains(self.desk.world.worker).run("screening", self.desk.agency_id)
        item: str = receipt["id"]
        return item

    async def decide_many(self, count: int) -> None:
        for number in range(count):
            await self.desk.client.accept(f"bad {number}")
        await Drains(self.desk.world.worker).run("screening", self.desk.agency_id)

    async def drain(self, after: timedelta = timedelta(0)) -> None:
        if after:
            await self.desk.world.move_clock(after)
        await Drains(self.desk.world.worker).run("delivery", self.desk.agency_id)

    async def show(self, query: str = "") -> list[dict[str, Any]]:
        page = await self.owner.call("GET", f"/owner/v1/deliveries?{query}", status=200)
        rows: list[dict[str, Any]] = page["data"]
        return rows

    async def look(self) -> dict[str, Any]:
        """The endpoint as its engineer sees it."""
        return await self.desk.client.api.call("GET", f"/ingest/v1/endpoints/{self.endpoint['id']}", status=200)

    async def fare(self) -> dict[str, Any]:
        health: dict[str, Any] = (await self.look())["health"]
        return health

    async def change(self, **patch: Any) -> dict[str, Any]:
        return await self.owner.call("PATCH", self.path, patch, 200)


async def open_line(world: World, receiver: Receiver, events: tuple[str, ...] = ("decision.made",)) -> Line:
    desk = await open_desk(world, ASK_RULES)
    return Line(desk, receiver, await desk.client.add_endpoint(receiver.url, list(events)))


async def settle(*tasks: asyncio.Task[Any]) -> None:
    """Nobody waits for a hanging receiver's sake."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
