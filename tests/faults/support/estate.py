"""An agency at its slow work: months are billed, authors forgotten, a client leaves, and another agency with it all.

Everybody asks again until they are told, as people do whose service was killed while it worked for them.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

import asyncpg
import httpx

from tests.faults.support.installation import Installation, wait_until
from tests.faults.support.load import PAUSE_S, Ledger
from tests.support.billing import plan_by_item, sign
from tests.support.desk import ASK_RULES
from tests.support.invoicing import set_up_seller
from tests.support.people import Agency, Caller, Client, Json, Operator, unique
from veilleur.kernel.ids import read_id, show_id

PATIENCE_S = 180.0
METER = "content.piece"
VAT = Decimal("1.2")
WRITTEN = 30
"""Items of every author."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is to do. The first month is billed client by client, the others in a month end each."""

    months: tuple[str, ...]
    clients: int
    authors: int


@dataclass(frozen=True, slots=True)
class Estate:
    installation: Installation
    ledger: Ledger
    operator: Operator
    agency: Agency
    clients: list[Client]
    leaving: Agency
    size: Size
    canary: str
    """Stands in everything that the authors wrote who are to be forgotten."""

    @property
    def agency_id(self) -> UUID:
        return read_id("agc", self.agency.id)

    @property
    def parting(self) -> Client:
        """The client that leaves, billed like all others."""
        return self.clients[-1]

    def bills(self) -> Iterator[tuple[Client, str, Decimal]]:
        """Every client, month and total there has to be an invoice of."""
        for place, client in enumerate(self.clients, 1):
            for number, month in enumerate(self.size.months, 1):
                yield client, month, (100 + Decimal("0.10") * self.worked(place, number)) * VAT

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Rows of the agency, which is `$1` of the query."""
        return await self.installation.fetch(query, self.agency_id, *values)

    @staticmethod
    def worked(place: int, number: int) -> int:
        """Pieces that a client bought in a month: another number for each."""
        return 100 * place + 10 * number

    async def work(self) -> list[Json]:
        """All of it at once; the receipts of the authors' erasures, of the client's leave and of the agency's."""
        forgotten = [self._forget(f"{self.canary}-{number}") for number in range(self.size.authors)]
        tasks = [*forgotten, self._part_with_client(), self._part_with_agency(), self._bill_singly(), self._bill()]
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(task) for task in tasks]
        return [receipt for task in running if (receipt := task.result())]

    async def ask(
        self, caller: Caller, method: str, path: str, body: Json | None = None, *, wanted: int = 200, done: int = 0
    ) -> Json:
        """Until it is answered `wanted`; `done` is what is said to whoever asks for what an unheard call has done."""
        until, unheard, told = time.monotonic() + PATIENCE_S, False, ""
        while time.monotonic() < until:
            try:
                answer = await caller.ask(method, path, body)
            except httpx.TransportError as error:
                self.ledger.unanswered += 1
                unheard, told = True, repr(error)
            else:
                told = answer.text
                if self.ledger.hear(answer, wanted, *[done] if unheard else []):
                    return {} if answer.status_code == done else answer.json()
                assert answer.status_code == 503, (path, answer.status_code, answer.text)
                unheard = True
            await asyncio.sleep(PAUSE_S)
        raise AssertionError(f"nobody did {method} {path}: {told}")

    async def _bill(self) -> None:
        """A month end after the other; one that was broken off is begun anew and takes over what there is."""
        owner = self.agency.owner
        for month in self.size.months[1:]:
            run = await self.ask(owner, "POST", "/owner/v1/billing-runs", {"period": month}, wanted=201)
            await self.ask(owner, "POST", f"/owner/v1/billing-runs/{run['id']}/finalize", done=409)

    async def _bill_singly(self) -> None:
        owner, month = self.agency.owner, self.size.months[0]
        for client in self.clients:
            path = f"{client.base}/invoices"
            await self.ask(owner, "POST", path, {"period": month}, wanted=201, done=409)
            period = (await self.ask(owner, "GET", f"{client.base}/statement?period={month}"))["billing_period"]
            known = (await self.ask(owner, "GET", path))["data"]
            [draft] = [one for one in known if one["billing_period"] == period]
            await self.ask(owner, "POST", f"{path}/{draft['id']}/finalize", done=409)

    async def _forget(self, author: str) -> Json:
        api = self.clients[0].api
        erasure_id = (await self.ask(api, "DELETE", f"/ingest/v1/authors/{author}", wanted=202))["erasure_id"]
        return await self._follow(api, f"/ingest/v1/erasures/{erasure_id}")

    async def _part_with_client(self) -> Json:
        owner, base = self.agency.owner, self.parting.base
        leave = {"mode": "return", "term_days": 0, "waive_archive": True}
        await self.ask(owner, "POST", f"{base}/offboard", leave, wanted=202, done=409)
        row, *_ = await self.fetch("SELECT id FROM offboardings WHERE agency_id = $1 ORDER BY id")
        return await self._follow(owner, f"{base}/offboarding/{show_id('ofb', row['id'])}")

    async def _part_with_agency(self) -> Json:
        admin, path = Caller(self.operator.admin, self.operator.key), f"/admin/v1/agencies/{self.leaving.id}"
        await self.ask(admin, "DELETE", f"{path}?reason=over&documents=handed_over", wanted=202)
        return await self._follow(admin, f"{path}/departure")

    async def _follow(self, caller: Caller, path: str) -> Json:
        """Until it is over; its receipt."""
        seen: Json = {}

        async def is_over() -> bool | Json:
            seen.update(await self.ask(caller, "GET", path))
            return seen["state"] == "finished" or seen

        await wait_until(is_over, f"the end of {path}", PATIENCE_S, every=0.2)
        return seen


async def found_estate(installation: Installation, operator: Operator, ledger: Ledger, size: Size) -> Estate:
    """Contracts signed, work entered and approved, authors and the client who leaves with something to lose."""
    agency, leaving = await operator.found_agency(), await operator.found_agency()
    await set_up_seller(agency)
    clients = [await agency.add_client(ASK_RULES) for _ in range(size.clients)]
    estate = Estate(installation, ledger, operator, agency, clients, leaving, size, unique("canary"))
    accountant = await agency.add_moderator(roles=["accountant"])
    for place, client in enumerate(clients, 1):
        await sign(client, _plan())
        for number, month in enumerate(size.months, 1):
            await _enter(client, accountant, month, estate.worked(place, number))
    for number in range(size.authors):
        await _write(clients[0], f"{estate.canary}-{number}")
    await _write(clients[0], "neighbour")
    await _write(estate.parting, "parting")
    await _write(await leaving.add_client(ASK_RULES), "leaving")
    return estate


def _plan() -> Json:
    plan = plan_by_item()
    plan["components"][1]["meter"] = METER
    return plan


async def _enter(client: Client, accountant: Caller, month: str, quantity: int) -> None:
    entry = {"meter": METER, "quantity": str(quantity), "occurred_at": f"{month}-15T12:00:00Z", "note": "x"}
    path = f"{client.base}/usage-entries"
    made = await accountant.call("POST", path, entry, 201)
    await client.owner.call("POST", f"{path}/{made['id']}/approve", status=200)


async def _write(client: Client, author: str) -> None:
    """One in three opens a case."""
    items = [
        {"external_id": unique("c"), "text": f"{word} {author}", "author": {"external_id": author}}
        for word in ("doubtful", "bad", "good") * (WRITTEN // 3)
    ]
    body = {"source": client.source["id"], "items": items}
    await client.api.call("POST", "/ingest/v1/items", body, 202)
