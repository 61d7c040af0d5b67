"""PostgreSQL may crash, hang, refuse or end sessions: refusals are honest, and nothing that was promised is lost."""

import asyncio
import os
import signal
import time
from contextlib import suppress

import asyncpg
import pytest

from tests.faults.support.installation import family_of, on_linux, run_installation
from tests.faults.support.scene import FULL, few_or_many, open_scene

pytestmark = pytest.mark.chaos

SESSIONS = """
SELECT pid FROM pg_stat_activity WHERE usename IN ('veilleur_app', 'veilleur_worker') AND pid <> pg_backend_pid()
"""


async def test_an_immediate_restart_of_postgresql_loses_no_promise(scene):
    async def crash() -> int:
        for _ in range(few_or_many(1, 20)):
            await scene.installation.strike("postgres", signal.SIGQUIT)
            await scene.installation.healthy()
            await asyncio.sleep(scene.rng.uniform(0.1, 0.5))
        return few_or_many(1, 20)

    await scene.survive("immediate restart of PostgreSQL", crash)


async def test_a_killed_postmaster_loses_no_promise(scene):
    async def crash() -> int:
        for _ in range(few_or_many(1, 20)):
            await scene.installation.strike("postgres", signal.SIGKILL)
            await scene.installation.healthy()
        return few_or_many(1, 20)

    await scene.survive("kill -9 of the postmaster", crash)


async def test_sessions_ended_at_random_are_replaced_in_silence_or_refused_honestly(scene):
    async def terminate() -> int:
        times = 0
        until = time.monotonic() + few_or_many(2, 60)
        async with scene.installation.connect() as connection:
            while time.monotonic() < until:
                sessions = [row["pid"] for row in await connection.fetch(SESSIONS)]
                if sessions:
                    await connection.execute("SELECT pg_terminate_backend($1)", scene.rng.choice(sessions))
                    times += 1
                await asyncio.sleep(0.1)
        return times

    await scene.survive("pg_terminate_backend, ten a second", terminate)


@pytest.mark.skipif(not on_linux, reason="reads /proc")
async def test_a_hung_postgresql_is_outlived(scene):
    async def hang() -> int:
        family = family_of(scene.installation.pid("postgres"))
        for pid in family:
            os.kill(pid, signal.SIGSTOP)
        await asyncio.sleep(few_or_many(3, 20))
        for pid in family:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        return 1

    await scene.survive("PostgreSQL hung (SIGSTOP)", hang)


async def test_a_server_out_of_connections_is_an_honest_refusal(scene):
    async def exhaust() -> int:
        idle: list[asyncpg.Connection] = []
        url = scene.installation.context.app_url
        async with scene.installation.connect() as superuser:
            with suppress(asyncpg.TooManyConnectionsError):
                while True:
                    idle.append(await asyncpg.connect(url))
            mine = [connection.get_server_pid() for connection in idle]
            for row in await superuser.fetch(SESSIONS):
                if row["pid"] not in mine:
                    await superuser.execute("SELECT pg_terminate_backend($1)", row["pid"])
            with suppress(asyncpg.TooManyConnectionsError):
                while True:
                    idle.append(await asyncpg.connect(url))
            await asyncio.sleep(few_or_many(1, 20))
        for connection in idle:
            connection.terminate()
        return 1

    await scene.survive("all connections of PostgreSQL taken", exhaust)
    assert scene.ledger.refused, "nobody was refused: the connections were not exhausted"


@pytest.mark.skipif(not FULL, reason="a disk of its own is for `make chaos`")
@pytest.mark.skipif(not (on_linux and os.geteuid() == 0), reason="not here: a small disk needs Linux and root")
async def test_a_full_disk_refuses_and_heals(receiver, record_property):
    with run_installation(disk="180m") as small:
        async with open_scene(small, receiver, lambda row: record_property("fault", row), seed=7) as scene:
            ballast = small.state / "ballast"

            async def fill() -> int:
                free = os.statvfs(small.state)
                with ballast.open("wb") as file:
                    for _ in range(free.f_bavail * free.f_frsize // 65_536 - 8):
                        file.write(bytes(65_536))
                await _until_refused(scene)
                await asyncio.sleep(2)
                ballast.unlink()
                return 1

            await scene.survive("disk full", fill)


async def _until_refused(scene) -> None:
    until = time.monotonic() + 60
    while not scene.ledger.refused:
        assert time.monotonic() < until, "the disk was never full"
        await asyncio.sleep(0.1)
