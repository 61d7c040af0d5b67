"""One agency on a running installation: its load, the fault it has to survive, and the row that is printed."""

import asyncio
import os
import random
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar
from uuid import UUID

import asyncpg
import pytest

from tests.faults.support.installation import Installation, wait_until
from tests.faults.support.invariants import Findings, Stock, assert_invariants, judge, take_stock
from tests.faults.support.load import Ledger, Sent, compose, deliver, moderate
from tests.faults.support.receiver import Endpoint, Receiver
from tests.faults.support.table import Row
from tests.support.desk import ASK_RULES, Moderator
from tests.support.people import Agency, Client
from veilleur.kernel.clock import now
from veilleur.kernel.ids import read_id

T = TypeVar("T")

FULL = os.environ.get("VEILLEUR_CHAOS") == "full"
"""`make chaos`: every fault often and long. Otherwise each of them a few times, with fixed seeds."""

RATE = 50
"""Events a second, when a fault is to be met under load."""
SETTLE_S = 600.0 if FULL else 60.0
LEASE_S = 31
"""Past the lease of a callback whose sender has vanished."""

SEED = int(os.environ.get("VEILLEUR_CHAOS_SEED") or 0)
"""What chance starts from, together with the name of the test: a run can be repeated."""

only_full = pytest.mark.skipif(not FULL, reason="`make chaos` runs it: its sharper sister runs always")


def few_or_many(few: T, many: T) -> T:
    return many if FULL else few


@dataclass(slots=True)
class Scene:
    installation: Installation
    agency: Agency
    client: Client
    moderators: list[Moderator]
    endpoint: Endpoint
    rng: random.Random
    report: Callable[[Row], None]
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def agency_id(self) -> UUID:
        return read_id("agc", self.agency.id)

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Rows of this agency, which is `$1` of the query."""
        return await self.installation.fetch(query, self.agency_id, *values)

    async def count(self, table: str, condition: str = "true") -> int:
        [row] = await self.fetch(f"SELECT count(*) FROM {table} WHERE agency_id = $1 AND {condition}")
        number: int = row[0]
        return number

    async def until_some(self, table: str, condition: str) -> None:
        """Watch closely, so as to strike in the very moment."""
        query = f"SELECT EXISTS (SELECT FROM {table} WHERE agency_id = $1 AND {condition})"
        async with self.installation.connect() as connection:

            async def seen() -> bool:
                return bool(await connection.fetchval(query, self.agency_id))

            await wait_until(seen, f"{table} where {condition}", every=0.001)

    @contextmanager
    def frozen_worker(self) -> Iterator[None]:
        """Nothing is drained as long as the block lasts."""
        pid = self.installation.hit("worker", signal.SIGSTOP)
        try:
            yield
        finally:
            self.installation.resume(pid)

    async def send(self, count: int, kind: str | None = None, client: Client | None = None) -> list[Sent]:
        """Send that many events at once and wait for their receipts."""
        batch = [compose(self.rng, kind) for _ in range(count)]
        self.ledger.sent += batch
        await asyncio.gather(*(deliver(client or self.client, self.ledger, sent) for sent in batch))
        return batch

    async def survive(
        self, name: str, fault: Callable[[], Awaitable[int]], *, seconds: float = 1.5, rate: float = RATE
    ) -> Stock:
        """Let the fault happen under load, let everything settle, reckon, and report one row.

        `fault` returns how often it struck. The load lasts as long as it does, and `seconds` at least.
        """
        async with self._load(seconds, rate):
            times = await fault()
        return await self.reckon(name, times)

    async def reckon(self, name: str, times: int) -> Stock:
        await self.settle()
        async with self.installation.connect() as connection:
            stock = await take_stock(connection, self.agency_id)
        findings = judge(self.ledger, self.endpoint, stock)
        self.report(self._row(name, times, stock, findings))
        assert_invariants(findings)
        unsent = [sent for sent in self.ledger.sent if not sent.receipts]
        assert not unsent, f"{len(unsent)} events were never acknowledged"
        return stock

    async def settle(self) -> None:
        """Wait until nothing is left to do, with moderators at work; then let the leases of the vanished end."""
        await self.installation.healthy()
        stop = asyncio.Event()
        people = [asyncio.create_task(moderate(moderator, self.ledger, stop)) for moderator in self.moderators]
        try:
            await wait_until(self._is_idle, "an empty backlog", SETTLE_S, every=0.1)
            with suppress(AssertionError):
                await wait_until(self._has_told, "callbacks in the air", 1.0, every=0.1)
            if not await self._has_told():
                await self.installation.pass_time(LEASE_S)
                await wait_until(self._has_told, "all callbacks", SETTLE_S, every=0.1)
        finally:
            stop.set()
            await asyncio.gather(*people)

    async def _is_idle(self) -> bool | list[asyncpg.Record]:
        """Nothing waits but callbacks that are in the air, or whose sender vanished."""
        states = "('received', 'in_review')" if self.moderators else "('received')"
        waiting = await self.fetch(
            f"SELECT state, count(*), max(attempts) FROM items WHERE agency_id = $1 AND state IN {states} GROUP BY 1"
            " UNION ALL SELECT state, count(*), max(attempts) FROM deliveries WHERE agency_id = $1 AND state = 'pending'"
            " GROUP BY 1"
            " UNION ALL SELECT 'unsequenced', count(*), 0 FROM events WHERE agency_id = $1 AND sequence IS NULL"
            " HAVING count(*) > 0"
        )
        return waiting or True

    async def _has_told(self) -> bool:
        return not await self.count("deliveries", "due_at IS NOT NULL")

    @asynccontextmanager
    async def _load(self, seconds: float, rate: float) -> AsyncIterator[None]:
        stop = asyncio.Event()
        people = [asyncio.create_task(moderate(moderator, self.ledger, stop)) for moderator in self.moderators]
        pump = asyncio.create_task(self._pump(stop, rate))
        until = time.monotonic() + seconds
        try:
            yield
            await asyncio.sleep(max(0.0, until - time.monotonic()))
        finally:
            stop.set()
            await asyncio.gather(pump, *people)

    async def _pump(self, stop: asyncio.Event, rate: float) -> None:
        sending = set()
        while not stop.is_set():
            sent = compose(self.rng)
            self.ledger.sent.append(sent)
            sending.add(asyncio.create_task(deliver(self.client, self.ledger, sent)))
            await asyncio.sleep(self.rng.expovariate(rate))
        await asyncio.gather(*sending)

    def _row(self, name: str, times: int, stock: Stock, findings: Findings) -> Row:
        received = {row["id"]: row["received_at"] for row in stock.all("items")}
        lags = [
            (row["made_at"] - received[row["item_id"]]).total_seconds()
            for row in stock.all("decisions", automated=True)
        ]
        number, _, title = name.partition(" ")
        return Row(
            number=int(number),
            fault=title,
            times=times,
            sent=len(self.ledger.sent),
            acked=len(self.ledger.acked),
            lost=len(findings.lost),
            doubled=len(findings.doubled),
            refused=self.ledger.refused,
            unanswered=self.ledger.unanswered,
            recalled=self.endpoint.calls - len(self.endpoint.bodies),
            lags=lags,
            waits=[sent.waited_s for sent in self.ledger.acked],
            run=f"{'full' if FULL else 'short'}, {SEED}, {now():%Y-%m-%d}",
        )


@asynccontextmanager
async def open_scene(
    installation: Installation, receiver: Receiver, report: Callable[[Row], None], *, seed: int, moderators: int = 2
) -> AsyncIterator[Scene]:
    """A fresh agency with a client whose rules decide, remove or ask, its endpoint, and its moderators."""
    await installation.healthy()
    async with installation.operator() as operator:
        agency = await operator.found_agency()
        client = await agency.add_client(ASK_RULES)
        endpoint = await receiver.open_endpoint(client)
        people = [Moderator(await agency.add_moderator(capacity=5)) for _ in range(moderators)]
        yield Scene(installation, agency, client, people, endpoint, random.Random(seed), report)
