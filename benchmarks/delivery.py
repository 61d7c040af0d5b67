"""Callbacks: how many a second one worker process delivers, and what a dead endpoint costs the others.

The rate is measured against bare httpx posting to the same sink with as many calls in the air. The lag, from the
decision to the record of its delivery, is taken of the same four endpoints with a fifth beside them, alive or dead.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time

import asyncpg
import httpx
from _bench import (
    HERE,
    Client,
    Machine,
    is_listening,
    make_items,
    median,
    open_machine,
    percentile,
    rates,
    show_result,
    wait_until,
)
from _load import send_paced
from _worker import wait_for_screening

from veilleur.kernel.ids import parse_id

ROUNDS = 3
BACKLOG = 1_000
ENDPOINTS = 4
AT_ONCE = 10
"""For each endpoint, as endpoints have it unless their owner says otherwise."""
PATIENCE_S = 120.0
LAG_ROUNDS = 3
CONNECTIONS = 8
"""Few enough that none idles until the API closes it."""
LAG_ITEMS = 60
LAG_RATE = 6.0
"""Far below what one worker can do: a lag at full load would be a queue's."""

_FILL = """
WITH made AS (
  INSERT INTO events (agency_id, id, client_id, type, body, occurred_at)
  SELECT $1, gen_random_uuid(), $2, 'decision.made',
         '{"type":"decision.made","data":"' || repeat('x', 900) || '"}', now()
  FROM generate_series(1, $3) RETURNING id),
spread AS (SELECT id, row_number() OVER () AS place FROM made),
targets AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM endpoints WHERE agency_id = $1
            AND disabled_at IS NULL)
INSERT INTO deliveries (agency_id, id, client_id, endpoint_id, event_id, item_id, state, attempts, fence, due_at)
SELECT $1, gen_random_uuid(), $2, targets.id, spread.id, gen_random_uuid(), 'pending', 0, 0, now()
FROM spread JOIN targets ON targets.place = spread.place % (SELECT count(*) FROM targets)
"""
_HINT = "INSERT INTO work_hints (agency_id, kind, due_at) VALUES ($1, 'delivery', now()) ON CONFLICT DO NOTHING"
_LEFT = "SELECT count(*) FROM deliveries WHERE agency_id = $1 AND due_at IS NOT NULL"
_LEFT_TO = _LEFT + " AND endpoint_id = ANY($2)"
_LAGS = """
SELECT extract(epoch FROM d.delivered_at - e.occurred_at) * 1000 AS lag
FROM deliveries d JOIN events e ON e.agency_id = d.agency_id AND e.id = d.event_id
JOIN items i ON i.agency_id = d.agency_id AND i.id = d.item_id
WHERE d.agency_id = $1 AND d.endpoint_id = ANY($2) AND i.external_id LIKE $3 || '-%'
"""


class Bench:
    def __init__(self, machine: Machine, client: Client, worker: int, agency_id: object) -> None:
        self.machine, self.client, self.worker, self.agency_id = machine, client, worker, agency_id
        self.sink, self.mute = machine.ports["sink"], machine.ports["mute"]

    def add_endpoint(self, port: int) -> str:
        headers = {"authorization": f"Bearer {self.client.api_key}"}
        url = f"{self.machine.context.base_url}/ingest/v1/endpoints"
        answer = httpx.post(
            url, json={"url": f"http://127.0.0.1:{port}/{time.monotonic_ns()}"}, headers=headers, trust_env=False
        )
        assert answer.status_code == 201, answer.text
        made: str = answer.json()["id"]
        return made

    def drop_endpoint(self, shown: str) -> None:
        headers = {"authorization": f"Bearer {self.client.api_key}"}
        url = f"{self.machine.context.base_url}/ingest/v1/endpoints/{shown}"
        assert httpx.delete(url, headers=headers, trust_env=False).status_code == 204

    def deliver_backlog(self, count: int) -> float:
        """Deliveries per second of a worker that was asleep while they were made, until the last one is recorded."""
        os.kill(self.worker, signal.SIGSTOP)
        asyncio.run(self._fill(count))
        os.kill(self.worker, signal.SIGCONT)
        began = time.perf_counter()
        asyncio.run(self._wait())
        return count / (time.perf_counter() - began)

    def post_bare(self, count: int) -> float:
        arguments = [str(HERE / "_posts.py"), f"http://127.0.0.1:{self.sink}/", str(count), str(ENDPOINTS * AT_ONCE)]
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)  # noqa: S603
        return float(done.stdout)

    def measure_lags(self, prefix: str, endpoints: list[str], port: int) -> list[float]:
        """Of `endpoints`, while one more leads to `port`."""
        beside = self.add_endpoint(port)
        requests = [self.client.sign(item) for item in make_items(LAG_ITEMS, prefix)]
        send_paced(self.machine.ports["api"], requests, LAG_RATE, CONNECTIONS).require(202)
        wait_for_screening(self.machine)
        lags = asyncio.run(self._list_lags(prefix, endpoints))
        self.drop_endpoint(beside)
        return lags

    async def _fill(self, count: int) -> None:
        connection = await asyncpg.connect(self.machine.admin_url)
        client_id = parse_id("cli", self.client.id)
        async with connection.transaction():
            await connection.execute(_FILL, self.agency_id, client_id, count)
        await connection.execute("ANALYZE deliveries, events")
        await connection.execute(_HINT, self.agency_id)
        await connection.close()

    async def _wait(self) -> None:
        connection = await asyncpg.connect(self.machine.admin_url)
        until = time.monotonic() + PATIENCE_S
        while await connection.fetchval(_LEFT, self.agency_id):
            assert time.monotonic() < until, "the worker does not get done"
            await asyncio.sleep(0.02)
        await connection.close()

    async def _list_lags(self, prefix: str, endpoints: list[str]) -> list[float]:
        connection = await asyncpg.connect(self.machine.admin_url)
        ids = [parse_id("end", shown) for shown in endpoints]
        until = time.monotonic() + PATIENCE_S
        while await connection.fetchval(_LEFT_TO, self.agency_id, ids):
            assert time.monotonic() < until, "the worker does not get done"
            await asyncio.sleep(0.1)
        rows = await connection.fetch(_LAGS, self.agency_id, ids, prefix)
        await connection.close()
        return [float(row["lag"]) for row in rows]


def main() -> None:
    with open_machine() as machine, machine.run_api(), machine.run_worker() as worker:
        sinks = machine.script("_sink", str(machine.ports["sink"]), str(machine.ports["mute"]))
        with machine.run(sinks):
            wait_until(lambda: is_listening(machine.ports["sink"]), "the sink")
            client = machine.start_client()
            agency_id = asyncio.run(machine.fetch_value("SELECT agency_id FROM clients"))
            bench = Bench(machine, client, worker, agency_id)
            endpoints = [bench.add_endpoint(bench.sink) for _ in range(ENDPOINTS)]
            compare_rates(bench)
            compare_lags(bench, endpoints)


def compare_rates(bench: Bench) -> None:
    bench.deliver_backlog(200)
    ours, bare = [], []
    for _ in range(ROUNDS):
        bare.append(bench.post_bare(BACKLOG))
        ours.append(bench.deliver_backlog(BACKLOG))
    show_result(
        "callbacks delivered ÷ bare httpx posts",
        median(ours) / median(bare),
        "≥ 0.5",
        [
            ("one worker process", rates(ours)),
            ("bare httpx", rates(bare)),
            ("in the air at once", f"{ENDPOINTS * AT_ONCE}, over {ENDPOINTS} endpoints"),
        ],
    )


def compare_lags(bench: Bench, endpoints: list[str]) -> None:
    bench.measure_lags("warm", endpoints, bench.sink)
    beside_live, beside_dead = [], []
    for number in range(LAG_ROUNDS):
        beside_live += bench.measure_lags(f"live{number}", endpoints, bench.sink)
        beside_dead += bench.measure_lags(f"dead{number}", endpoints, bench.mute)
    show_result(
        "p95 lag beside a dead endpoint ÷ beside a live one",
        percentile(beside_dead, 0.95) / percentile(beside_live, 0.95),
        "≤ 1.2",
        [
            ("decision to recorded delivery, beside a live one", describe(beside_live)),
            ("beside one that never answers", describe(beside_dead)),
            ("load", f"{LAG_RATE:.0f} items/s, {ENDPOINTS + 1} callbacks each"),
        ],
    )


def describe(lags: list[float]) -> str:
    return f"p50 {median(lags):.0f} ms, p95 {percentile(lags, 0.95):.0f} ms, worst {max(lags):.0f} ms"


if __name__ == "__main__":
    main()
