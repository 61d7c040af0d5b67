"""An agency at work: a client, its moderators, and what a moderator does over HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from tests.support.people import Agency, Caller, Client, Json
from tests.support.world import World
from veilleur.infra.db.session import Scope
from veilleur.kernel.ids import read_id

LEASE = timedelta(seconds=600)
"""A queue's lease unless it says otherwise."""

ASK_RULES: Json = {
    "format": "veilleur.rules/v1",
    "schema": "item/v1",
    "name": "ask",
    "fallback": {"verdict": "allow"},
    "lists": {
        "doubts": {"kind": "phrases", "match": "word", "fold": "soft", "entries": ["doubtful"]},
        "bad": {"kind": "phrases", "match": "word", "fold": "soft", "entries": ["bad"]},
    },
    "rules": [
        {
            "id": "doubts",
            "title": "A person decides",
            "mode": "live",
            "severity": 10,
            "when": {"all": ["hits('doubts') > 0"]},
            "then": {"escalate": {"queue": "default", "priority": "high"}, "policies": ["spam"]},
        },
        {
            "id": "bad",
            "title": "Removed",
            "mode": "live",
            "severity": 20,
            "when": {"all": ["hits('bad') > 0"]},
            "then": {"verdict": "remove", "actions": [{"code": "remove", "target": "item"}], "policies": ["insult"]},
        },
    ],
}
"""`doubtful` opens a case, `bad` is removed, everything else is allowed."""


@dataclass(frozen=True, slots=True)
class Moderator:
    caller: Caller

    async def claim(self, hold: int = 1, **more: Any) -> Json:
        return await self.caller.call("POST", "/moderator/v1/assignments", {"hold": hold} | more, 200)

    async def take(self, hold: int = 1, **more: Any) -> list[Json]:
        """What is in hand after a claim, which must be as many as wanted."""
        held: list[Json] = (await self.claim(hold, **more))["assignments"]
        assert len(held) == hold
        return held

    async def list_held(self) -> list[Json]:
        held: list[Json] = (await self.caller.call("GET", "/moderator/v1/assignments", status=200))["assignments"]
        return held

    async def decide(self, held: Json, verdict: str = "allow", **more: Any) -> httpx.Response:
        body = {"fence": held["fence"], "revision": held["item"]["revision"], "verdict": verdict} | more
        return await self.caller.ask("POST", f"/moderator/v1/assignments/{held['id']}/decision", body)

    async def release(self, held: Json) -> httpx.Response:
        path = f"/moderator/v1/assignments/{held['id']}/release"
        return await self.caller.ask("POST", path, {"fence": held["fence"]})

    async def move(self, held: Json, how: str, **body: Any) -> httpx.Response:
        """`skip`, `handover`, `escalate` or `ask`."""
        path = f"/moderator/v1/assignments/{held['id']}/{how}"
        return await self.caller.ask("POST", path, {"fence": held["fence"]} | body)

    async def get_id(self) -> str:
        identifier: str = (await self.caller.call("GET", "/moderator/v1/me"))["id"]
        return identifier

    async def set_status(self, status: str) -> Json:
        return await self.caller.call("PUT", "/moderator/v1/me/status", {"status": status}, 200)

    async def beat(self, *held: Json) -> list[Json]:
        pairs = [{"id": one["id"], "fence": one["fence"]} for one in held]
        answer = await self.caller.call("POST", "/moderator/v1/heartbeat", {"assignments": pairs}, 200)
        beats: list[Json] = answer["assignments"]
        return beats

    async def note(self, held: Json, text: str, pin: str) -> httpx.Response:
        return await self.caller.ask(
            "POST", f"/moderator/v1/assignments/{held['id']}/notes", {"text": text, "pin": pin}
        )


@dataclass(frozen=True, slots=True)
class Desk:
    """An agency with one client and one moderator who serves it."""

    world: World
    agency: Agency
    client: Client
    moderator: Moderator

    @property
    def agency_id(self) -> UUID:
        return read_id("agc", self.agency.id)

    @property
    def scope(self) -> Scope:
        return Scope(self.agency_id)

    async def hire(self, **options: Any) -> Moderator:
        return Moderator(await self.agency.add_moderator(**options))

    async def receive(self, count: int = 1, client: Client | None = None, **fields: Any) -> list[str]:
        """Items sent and screened; their ids, in the order they came."""
        receipts = [await (client or self.client).accept(**fields) for _ in range(count)]
        await self.world.drain()
        return [receipt["id"] for receipt in receipts]

    async def take_one(self, **fields: Any) -> Json:
        """A fresh case in the moderator's hand."""
        await self.receive(**fields)
        [held] = await self.moderator.take()
        return held

    async def fetch(self, query: str) -> list[Any]:
        """Rows of this agency, which is `$1` of the query, behind the curtain."""
        return await self.world.fetch(query, self.agency_id)

    async def count(self, table: str, condition: str = "true") -> int:
        [row] = await self.fetch(f"SELECT count(*) FROM {table} WHERE agency_id = $1 AND {condition}")
        number: int = row[0]
        return number

    async def misplace_cases(self, queue: str) -> None:
        """All cases into one queue, past every guard."""
        await self.fetch(
            "UPDATE cases SET queue_id = q.id FROM queues q"
            f" WHERE cases.agency_id = $1 AND q.agency_id = $1 AND q.code = '{queue}'"
        )

    async def clock_of(self, item_id: str) -> Any:
        """The newest clock of an item."""
        query = "SELECT * FROM sla_clocks WHERE agency_id = $1 AND item_id = $2 ORDER BY cycle DESC LIMIT 1"
        [clock] = await self.world.fetch(query, self.agency_id, read_id("itm", item_id))
        return clock


async def open_desk(world: World, rules: Json | None = None, **moderator: Any) -> Desk:
    """A fresh agency; without `rules` every item opens a case."""
    agency = await world.operator.found_agency()
    client = await agency.add_client(rules)
    return Desk(world, agency, client, Moderator(await agency.add_moderator(**moderator)))


@asynccontextmanager
async def refused_decisions(desk: Desk, condition: str = "true", *, at_commit: bool = False) -> AsyncIterator[None]:
    """The database refuses decisions of this agency that meet `condition`: when written, or only at the very COMMIT."""
    name = f"refuse_{desk.agency_id.hex}"
    when = f"FOR EACH ROW WHEN (NEW.agency_id = '{desk.agency_id}' AND {condition}) EXECUTE FUNCTION {name}()"
    trigger = (
        f"CREATE CONSTRAINT TRIGGER {name} AFTER INSERT ON decisions DEFERRABLE INITIALLY DEFERRED {when}"
        if at_commit
        else f"CREATE TRIGGER {name} BEFORE INSERT ON decisions {when}"
    )
    await desk.world.fetch(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = 'insufficient_resources'; END $$"
    )
    await desk.world.fetch(trigger)
    try:
        yield
    finally:
        await desk.world.fetch(f"DROP FUNCTION {name} CASCADE")


def slug(answer: httpx.Response | Json) -> str:
    """The last part of a problem's type."""
    problem: Json = answer if isinstance(answer, dict) else answer.json()
    kind: str = problem["type"]
    return kind.removeprefix("urn:veilleur:problem:")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
