"""A desk whose client's source is acted on."""

from dataclasses import dataclass, replace
from typing import Any

from tests.support.desk import Desk, open_desk
from tests.support.people import Client, Json, unique
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains


@dataclass(frozen=True, slots=True)
class Stage:
    desk: Desk
    client: Client
    """With the source that is acted on."""

    @property
    def path(self) -> str:
        return f"{self.client.base}/sources/{self.client.source['id']}/actor"

    async def configure(self, credentials: Json | None = None, mode: str = "act", **more: Any) -> Json:
        body = {"mode": mode} | more | ({} if credentials is None else {"credentials": credentials})
        return await self.desk.agency.owner.call("PUT", self.path, body, 200)

    async def receive(self, **item: Any) -> str:
        """An item of the source, and a case about it; its id."""
        body = {"source": self.client.source["id"], "items": [{"external_id": unique("c"), "text": "x"} | item]}
        answer = await self.client.api.call("POST", "/ingest/v1/items", body, 202)
        await self.desk.world.drain()
        return str(answer["items"][0]["id"])

    async def decide(self, verdict: str, *actions: Json, **item: Any) -> Json:
        """An item decided by the moderator; the decision, with the item's id."""
        item_id = await self.receive(**item)
        [held] = await self.desk.moderator.take()
        made = await self.desk.moderator.decide(held, verdict, actions=list(actions))
        assert made.status_code == 201, made.text
        return made.json() | {"item": item_id}

    async def work(self) -> None:
        assert await Drains(self.desk.world.worker).run("action", self.desk.agency_id)

    async def list_actions(self, query: str = "") -> list[Json]:
        page = await self.desk.agency.owner.call("GET", f"/owner/v1/platform-actions{query}", status=200)
        rows: list[Json] = page["data"]
        return rows

    async def acted(self, query: str = "") -> list[tuple[str, str, str | None]]:
        """Operation, state and reason of each action."""
        return [(row["operation"], row["state"], row["reason"]) for row in await self.list_actions(query)]

    async def correct(self, decision: Json, verdict: str, *actions: Json) -> Json:
        body = {"verdict": verdict, "actions": list(actions), "reason": "x"}
        path = f"/moderator/v1/decisions/{decision['id']}/correct"
        return await self.desk.moderator.caller.call("POST", path, body, 201)

    async def look(self, item_id: str) -> Any:
        [row] = await self.desk.world.fetch("SELECT * FROM items WHERE id = $1", read_id("itm", item_id))
        return row


async def set_stage(world: Any, kind: str, settings: Json | None = None, rules: Json | None = None) -> Stage:
    desk = await open_desk(world, rules, capacity=10)
    body = {"kind": kind, "name": unique(kind), "settings": settings or {}}
    source = await desk.agency.owner.call("POST", f"{desk.client.base}/sources", body, 201)
    return Stage(desk, replace(desk.client, source=source))


REMOVE: Json = {"code": "remove", "target": "item"}
HIDE: Json = {"code": "hide", "target": "item"}


def suspend(until: str) -> Json:
    return {"code": "suspend", "target": "author", "until": until}
