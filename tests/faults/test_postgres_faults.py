"""PostgreSQL may crash, hang, refuse or end sessions: refusals are honest, and nothing that was promised is lost."""

import asyncio
import os
import signal
import time
from contextlib import suppress
from pathlib import Path

import asyncpg
import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tests.faults.support.installation import Installation, family_of, on_linux, run_installation
from tests.faults.support.scene import FULL, SEED, few_or_many, open_scene
from veilleur.infra.db.migrate import LOCK_TIMEOUT_MS, retry_on_locks

MEGABYTE = "SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 1000000))"
DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"

pytestmark = pytest.mark.chaos

SESSIONS = """
SELECT pid FROM pg_stat_activity WHERE usename IN ('veilleur_app', 'veilleur_worker') AND pid <> pg_backend_pid()
"""


needs_a_disk = pytest.mark.skipif(
    not (FULL and on_linux and os.geteuid() == 0), reason="`make chaos` runs it where it can: Linux, as root"
)


async def test_an_immediate_restart_of_postgresql_loses_no_promise(scene):
    async def crash() -> int:
        for _ in range(few_or_many(1, 20)):
            await scene.installation.strike("postgres", signal.SIGQUIT)
            await scene.installation.healthy()
            await asyncio.sleep(scene.rng.uniform(0.1, 0.5))
        return few_or_many(1, 20)

    await scene.survive("19 immediate restart of PostgreSQL", crash)


async def test_a_killed_postmaster_loses_no_promise(scene):
    async def crash() -> int:
        for _ in range(few_or_many(1, 20)):
            await scene.installation.strike("postgres", signal.SIGKILL)
            await scene.installation.healthy()
        return few_or_many(1, 20)

    await scene.survive("21 kill -9 of the postmaster", crash)


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

    await scene.survive("20 pg_terminate_backend, ten a second", terminate)


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

    await scene.survive("22 PostgreSQL hung (SIGSTOP)", hang)


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

    await scene.survive("25 all connections of PostgreSQL taken", exhaust)
    assert scene.ledger.refused, "nobody was refused: the connections were not exhausted"


async def test_a_change_of_the_schema_behind_a_long_reader_steps_aside(scene):
    """Everybody would queue behind the lock it waits for: it waits two seconds, goes, and comes back."""
    engine = create_async_engine(make_url(scene.installation.context.owner_url).set(drivername="postgresql+asyncpg"))

    async def alter(action: str) -> None:
        async with engine.begin() as connection:
            await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
            await connection.execute(text(f"ALTER TABLE items {action}"))

    async def change() -> int:
        async with scene.installation.connect() as reader:
            await reader.execute("BEGIN; SELECT count(*) FROM items")
            changing = asyncio.create_task(retry_on_locks(lambda: alter("ADD COLUMN of_the_next_release integer")))
            await asyncio.sleep(few_or_many(4, 20))
            assert not changing.done()
        await changing
        return 1

    try:
        await scene.survive("26 ALTER TABLE behind a long reader", change)
    finally:
        await retry_on_locks(lambda: alter("DROP COLUMN IF EXISTS of_the_next_release"))
        await engine.dispose()


async def test_whoever_is_chosen_to_break_a_deadlock_tries_again(scene):
    """Somebody locks what moderators hold in the wrong order, and is patient: ours are the ones to give way."""
    wanted = few_or_many(1, 20)

    async def quarrel() -> int:
        async with scene.installation.connect() as rival:
            await rival.execute("SET deadlock_timeout = '60s'; SET lock_timeout = '3s'")
            before = await rival.fetchval(DEADLOCKS)
            until = time.monotonic() + few_or_many(20, 120)
            while (found := await rival.fetchval(DEADLOCKS) - before) < wanted and time.monotonic() < until:
                with suppress(asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                    await _lock_crosswise(rival, scene)
        assert found, "nobody had to give way"
        return found

    await scene.survive("27 deadlocks with somebody who locks crosswise", quarrel, rate=20)


@needs_a_disk
async def test_a_full_disk_refuses_and_heals(receiver, record_property):
    with run_installation(disk="180m") as small:
        async with open_scene(small, receiver, lambda row: record_property("fault", row), seed=7 + SEED) as scene:
            ballast = small.state / "ballast"

            async def fill() -> int:
                _fill(ballast, left=8)
                await _until_refused(scene)
                await asyncio.sleep(2)
                ballast.unlink()
                return 1

            await scene.survive("23 disk full", fill)


@needs_a_disk
async def test_a_full_disk_of_the_log_ends_postgresql_until_there_is_space(receiver, record_property):
    """It panics, and what starts it again finds no place for the end of its recovery: nothing runs but refusals."""
    with run_installation(log_disk="160m") as small:
        async with open_scene(small, receiver, lambda row: record_property("fault", row), seed=8 + SEED) as scene:
            ballast = small.state / "wal" / "ballast"

            async def fill() -> int:
                await _use_up_log(small, ballast)
                await _until_refused(scene)
                await asyncio.sleep(5)
                with pytest.raises((OSError, asyncpg.PostgresError)):
                    await small.fetch("SELECT 1")
                ballast.unlink()
                return 1

            await scene.survive("24 WAL disk full", fill)


async def _use_up_log(small: Installation, ballast: Path) -> None:
    """Each crash may give a little back, until the server itself, not only one of its processes, comes to an end."""
    server, until = small.pid("postgres"), time.monotonic() + 60
    while small.pid("postgres") == server:
        assert time.monotonic() < until, "the log always found a place"
        _fill(ballast, left=0)
        with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            async with small.connect() as connection:
                while True:
                    await connection.execute(MEGABYTE)
        await asyncio.sleep(0.1)


def _fill(ballast: Path, *, left: int) -> None:
    """Fill the disk that the file is on, but for so many pieces of 64 KiB."""
    free = os.statvfs(ballast.parent)
    with ballast.open("ab") as file:
        for _ in range(free.f_bavail * free.f_frsize // 65_536 - left):
            file.write(bytes(65_536))


async def _lock_crosswise(rival: asyncpg.Connection, scene) -> None:
    """Cases and their items, now these first and now those."""
    held = await rival.fetch(
        "SELECT id, item_id FROM cases WHERE agency_id = $1 AND closed_at IS NULL ORDER BY random() LIMIT 5",
        scene.agency_id,
    )
    locks = [("cases", [row["id"] for row in held]), ("items", [row["item_id"] for row in held])]
    scene.rng.shuffle(locks)
    async with rival.transaction():
        for table, ids in locks:
            await rival.fetch(f"SELECT FROM {table} WHERE id = ANY($1::uuid[]) FOR UPDATE", ids)
            await asyncio.sleep(0.3)


async def _until_refused(scene) -> None:
    until = time.monotonic() + 60
    while not scene.ledger.refused:
        assert time.monotonic() < until, "the disk was never full"
        await asyncio.sleep(0.1)
