"""A source of each platform at a fresh agency, and its deliveries over HTTP, signed by the senders."""

from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import httpx

from tests.domain.intake.sources.senders import DISCORD_KEY, NOW, SECRET, SENDERS, deliver
from tests.support.desk import Desk, open_desk
from tests.support.people import Client, Json, unique
from veilleur.domain.intake.sources.protocol import Delivery, Known
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.kernel.ids import read_id
from veilleur_api.ingest import webhooks

WORD = SECRET.decode()
ENTRY = {"id": 5, "body": "A record of a test"}
MAPPING = {"fields": {"external_id": "$.id", "text": "$.body"}}
PROOF = {"header": "X-Signature", "prefix": "sha256=", "encoding": "hex"}
SETTINGS: dict[str, Json] = {
    "slack": {"signing_secret": WORD},
    "discord": {"public_key": DISCORD_KEY.verify_key.encode().hex()},
    "telegram": {"secret_token": WORD},
    "discourse": {"secret": WORD},
    "meta": {"app_secret": WORD, "verify_token": "meatyhamhock", "accounts": ["448242228374517", "178"]},
    "twitch": {"secret": WORD},
    "mastodon": {"secret": WORD},
    "x": {"consumer_secret": WORD},
    "linkedin": {"client_secret": WORD},
    "tiktok": {"client_secret": WORD},
    "generic": {"token": WORD, "hmac": PROOF, "mapping": MAPPING, "sample": ENTRY},
}
NATIVE = sorted(SETTINGS.keys() - {"generic"})


@dataclass(frozen=True, slots=True)
class Platform:
    """One kind of source of a desk's client."""

    kind: str
    desk: Desk
    source: Json

    @property
    def client(self) -> Client:
        return replace(self.desk.client, source=self.source)

    @property
    def sample(self) -> Any:
        return PLATFORMS[self.kind].sample(Known([SECRET], SETTINGS[self.kind]))

    @property
    def path(self) -> str:
        return f"/ingest/v1/sources/{self.source['id']}"

    async def send(self, payload: Any, **headers: str) -> httpx.Response:
        return await self.post(deliver(self.kind, payload, **headers))

    async def post(self, sent: Delivery) -> httpx.Response:
        return await self.desk.world.http.post(self.path, content=sent.raw, headers=dict(sent.headers))

    async def take(self, payload: Any, **headers: str) -> None:
        """A delivery that the platform must hear is taken."""
        answer = await self.send(payload, **headers)
        assert answer.status_code in (200, 202, 204), (answer.status_code, answer.text)

    async def list_items(self) -> list[Any]:
        query = "SELECT * FROM items WHERE source_id = $1 ORDER BY external_id"
        return await self.desk.world.fetch(query, read_id("src", self.source["id"]))

    async def set_mode(self, mode: str) -> None:
        base = f"{self.desk.client.base}/sources/{self.source['id']}"
        await self.desk.agency.owner.call("PATCH", base, {"mode": mode}, 200)
        self.desk.world.parts.lookups.forget()


async def open_platform(world: Any, kind: str, monkeypatch: Any, desk: Desk | None = None, **settings: Any) -> Platform:
    """A source of a kind; the present is the instant at which the senders sign."""
    monkeypatch.setattr(webhooks, "now", lambda: NOW)
    desk = desk or await open_desk(world)
    body = {"kind": kind, "name": unique(kind), "settings": SETTINGS[kind] | settings}
    source = await desk.agency.owner.call("POST", f"{desk.client.base}/sources", body, 201)
    return Platform(kind, desk, source)


@asynccontextmanager
async def broken_intake(desk: Desk) -> Any:
    """PostgreSQL refuses every item of this agency, for a reason that does not pass by itself."""
    name = f"break_{desk.agency_id.hex}"
    await desk.world.fetch(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'broken' USING ERRCODE = 'data_exception'; END $$"
    )
    await desk.world.fetch(
        f"CREATE TRIGGER {name} BEFORE INSERT ON items FOR EACH ROW"
        f" WHEN (NEW.agency_id = '{desk.agency_id}') EXECUTE FUNCTION {name}()"
    )
    try:
        yield
    finally:
        await desk.world.fetch(f"DROP FUNCTION {name} CASCADE")


__all__ = ["NATIVE", "SENDERS", "SETTINGS", "Platform", "broken_intake", "open_platform"]
