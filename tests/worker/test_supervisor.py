"""The worker: rings are a comfort, the sweep is enough; it ends when told, and one agency never holds up another."""

import asyncio
import os
import re
import signal
import sys
import time
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.support.desk import ASK_RULES, open_desk
from tests.support.receiver import open_mute_server
from veilleur.dev.ports import choose_ports
from veilleur_worker import drains as module
from veilleur_worker.drains import Drains
from veilleur_worker.schedule import sweep_forever
from veilleur_worker.screening import drain_screening

READY_S = 15


@asynccontextmanager
async def worker_process(world, redis_url, **others):
    """`veilleur worker` as production starts it."""
    settings = world.worker_settings
    environment = os.environ | {
        "VEILLEUR_DATABASE_URL": settings.database_url.get_secret_value(),
        "VEILLEUR_REDIS_URL": redis_url,
        "VEILLEUR_MASTER_KEY": settings.master_key.get_secret_value(),
        "VEILLEUR_EGRESS_ALLOW": "127.0.0.0/8",
        "VEILLEUR_LOG_FORMAT": "json",
        **others,
    }
    command = [sys.executable, "-c", "from veilleur.cli import main; raise SystemExit(main())", "worker"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(READY_S):
            while b"worker_started" not in await process.stdout.readline():
                assert process.returncode is None
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def decided(desk, item, seconds):
    """How long it takes until the item is decided."""
    started = time.monotonic()
    async with asyncio.timeout(seconds):
        while (await desk.client.look(item))["state"] != "decided":  # noqa: ASYNC110 - the worker is elsewhere
            await asyncio.sleep(0.02)
    return time.monotonic() - started


async def end(process):
    started = time.monotonic()
    process.send_signal(signal.SIGTERM)
    await asyncio.wait_for(process.wait(), 10)
    return time.monotonic() - started


@pytest.fixture
async def mute_port():
    async with open_mute_server() as port:
        yield port


async def test_the_worker_decides_on_a_ring_and_ends_on_sigterm(world):
    desk = await open_desk(world, ASK_RULES)
    async with worker_process(world, world.settings.redis_url.get_secret_value()) as process:
        await decided(desk, (await desk.client.accept())["id"], 10)
        await decided(desk, (await desk.client.accept())["id"], 10)
        assert await end(process) < 8
        assert process.returncode == 0


async def read_metrics(desk, port: int, figure: str) -> str:
    """What is told once the figure is more than nothing: it is counted just after the commit."""
    counted = re.compile(rf"^{figure} (?!0\.0$)", re.MULTILINE)
    async with asyncio.timeout(10), httpx.AsyncClient(trust_env=False) as http:
        while not counted.search(told := (await http.get(f"http://127.0.0.1:{port}/metrics")).text):
            await desk.client.accept()
            await asyncio.sleep(0.3)
    return told


async def test_the_worker_beats_tells_its_figures_and_takes_its_leave(world):
    desk = await open_desk(world, ASK_RULES)
    [port] = choose_ports(["metrics"], {}).values()
    redis_url = world.settings.redis_url.get_secret_value()
    async with worker_process(world, redis_url, VEILLEUR_METRICS_PORT=str(port)) as process:
        await decided(desk, (await desk.client.accept())["id"], 10)
        rows = await world.fetch("SELECT pid FROM worker_heartbeats")
        assert process.pid in {row["pid"] for row in rows}
        told = await read_metrics(desk, port, "veilleur_decision_lag_seconds_count")
        assert "veilleur_sweep_timestamp_seconds" in told
        assert "veilleur_backlog_items" not in told, "what a worker does not measure would read as a zero"
        await end(process)
    rows = await world.fetch("SELECT pid FROM worker_heartbeats")
    assert process.pid not in {row["pid"] for row in rows}


async def test_the_worker_goes_on_without_redis_and_ends_on_sigterm(world, mute_port):
    desk = await open_desk(world, ASK_RULES)
    async with worker_process(world, f"redis://127.0.0.1:{mute_port}") as process:
        for _ in range(2):
            await decided(desk, (await desk.client.accept())["id"], 10)
            await asyncio.sleep(1)
        assert process.returncode is None
        assert await end(process) < 8
        assert process.returncode == 0


async def test_one_agencys_backlog_holds_up_no_other(world, monkeypatch):
    busy, desk = await open_desk(world, ASK_RULES), await open_desk(world, ASK_RULES)
    gate = asyncio.Event()

    async def drain(parts, agency_id):
        if agency_id == busy.agency_id:
            await gate.wait()
        await drain_screening(parts, agency_id)

    monkeypatch.setattr(module, "DRAINS", {**module.DRAINS, "screening": drain})
    await busy.client.accept()
    sweeping = asyncio.create_task(sweep_forever(world.worker, Drains(world.worker)))
    await asyncio.sleep(0.3)
    await decided(desk, (await desk.client.accept())["id"], 10)
    gate.set()
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)


async def test_the_sweep_survives_a_database_that_is_away_for_a_moment(world, monkeypatch):
    desk = await open_desk(world, ASK_RULES)
    item = (await desk.client.accept())["id"]
    real, failures = module.DRAINS["screening"], [ConnectionError(), ConnectionError()]

    async def drain(parts, agency_id):
        if failures:
            raise failures.pop()
        await real(parts, agency_id)

    monkeypatch.setattr(module, "DRAINS", {**module.DRAINS, "screening": drain})
    sweeping = asyncio.create_task(sweep_forever(world.worker, Drains(world.worker)))
    await decided(desk, item, 15)
    sweeping.cancel()
    await asyncio.gather(sweeping, return_exceptions=True)
    assert failures == []
