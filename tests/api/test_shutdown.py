"""The API told to stop: no longer ready, still serving, then finished with what is in flight."""

import asyncio
import os
import signal
import sys
import time
from contextlib import asynccontextmanager

import httpx

from tests.support.desk import ASK_RULES, open_desk
from veilleur.dev.ports import choose_ports

STOP_AFTER_S = 1.0


@asynccontextmanager
async def api_process(world, **others):
    """`veilleur api` as production starts it, with its address."""
    settings = world.settings
    ports = choose_ports(["api", "admin"], {})
    environment = os.environ | {
        "VEILLEUR_DATABASE_URL": settings.database_url.get_secret_value(),
        "VEILLEUR_REDIS_URL": settings.redis_url.get_secret_value(),
        "VEILLEUR_MASTER_KEY": settings.master_key.get_secret_value(),
        "VEILLEUR_BASE_URL": settings.base_url,
        "VEILLEUR_PORT": str(ports["api"]),
        "VEILLEUR_ADMIN_PORT": str(ports["admin"]),
        "VEILLEUR_STOP_AFTER_S": str(STOP_AFTER_S),
        **others,
    }
    command = [sys.executable, "-c", "from veilleur.cli import main; raise SystemExit(main())", "api"]
    process = await asyncio.create_subprocess_exec(*command, env=environment, stdout=asyncio.subprocess.PIPE)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{ports['api']}", trust_env=False, timeout=15) as http:
        try:
            async with asyncio.timeout(20):
                while not await answers(http):
                    assert process.returncode is None
                    await asyncio.sleep(0.05)
            yield process, http
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def answers(http):
    try:
        return (await http.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def test_it_is_unready_first_serves_on_and_finishes_what_is_in_flight(world):
    desk = await open_desk(world, ASK_RULES)
    async with api_process(world) as (process, http):
        waiting = asyncio.create_task(
            http.post("/moderator/v1/assignments", json={"hold": 1, "wait": 3}, headers=desk.moderator.caller.headers)
        )
        await asyncio.sleep(0.3)
        told_at = time.monotonic()
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(STOP_AFTER_S):
            while (ready := await http.get("/readyz")).status_code == 200:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.02)
        assert ready.json()["reasons"][0]["part"] == "process"
        assert (await http.get("/ingest/v1/me", headers=desk.client.api.headers)).status_code == 200
        assert time.monotonic() - told_at < STOP_AFTER_S
        answer = await waiting
        assert (answer.status_code, answer.json()["reason"]) == (200, "empty")
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert time.monotonic() - told_at >= STOP_AFTER_S


async def test_a_second_signal_hurries(world):
    async with api_process(world, VEILLEUR_STOP_AFTER_S="60") as (process, _):
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
