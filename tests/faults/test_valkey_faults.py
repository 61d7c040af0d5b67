"""Valkey is a doorbell: wiped, killed, hung or full, it costs a second and never an item."""

import asyncio
import pickle
import signal

import pytest

from tests.faults.support.scene import few_or_many

pytestmark = pytest.mark.chaos


async def test_flushing_valkey_under_load_loses_nothing(scene):
    async def flush() -> int:
        async with scene.installation.redis() as redis:
            for _ in range(few_or_many(10, 60)):
                await redis.flushall()
                await asyncio.sleep(scene.rng.uniform(0.05, 0.2))
        return few_or_many(10, 60)

    await scene.survive("12 FLUSHALL under load", flush)


async def test_a_killed_valkey_ends_neither_the_worker_nor_the_api(scene):
    before = [scene.installation.pid(name) for name in ("api", "worker")]

    async def kill() -> int:
        for _ in range(few_or_many(2, 20)):
            await scene.installation.strike("valkey")
            await asyncio.sleep(scene.rng.uniform(0.2, 0.6))
        return few_or_many(2, 20)

    await scene.survive("13 kill -9 of Valkey", kill)
    assert [scene.installation.pid(name) for name in ("api", "worker")] == before


async def test_a_hung_valkey_delays_neither_a_receipt_nor_a_verdict_for_long(scene):
    async def hang() -> int:
        pid = scene.installation.hit("valkey", signal.SIGSTOP)
        try:
            [sent] = await scene.send(1, "remove")
            await scene.until_some("items", f"external_id = '{sent.external_id}' AND state = 'decided'")
            await asyncio.sleep(few_or_many(2, 20))
        finally:
            scene.installation.resume(pid)
        return 1

    await scene.survive("15 SIGSTOP of Valkey", hang)


async def test_without_any_valkey_the_sweep_does_the_work(scene):
    """It answers nobody from the first moment on: a worker that starts meanwhile has to do without."""

    async def leave_out() -> int:
        pid = scene.installation.hit("valkey", signal.SIGSTOP)
        try:
            await scene.installation.strike("worker")
            [sent] = await scene.send(1, "allow")
            await scene.until_some("items", f"external_id = '{sent.external_id}' AND state = 'decided'")
            await asyncio.sleep(few_or_many(0, 600))
        finally:
            scene.installation.resume(pid)
        return 1

    await scene.survive("14 Valkey absent, a worker started without it", leave_out, rate=few_or_many(50, 100))


async def test_a_full_valkey_loses_nothing(scene):
    async def fill() -> int:
        async with scene.installation.redis() as redis:
            await redis.config_set("maxmemory-policy", "noeviction")
            await redis.config_set("maxmemory", "1mb")
            await asyncio.sleep(few_or_many(2, 20))
            await redis.config_set("maxmemory", "0")
        return 1

    await scene.survive("16 Valkey full (noeviction)", fill)


async def test_a_queue_restored_from_yesterday_rings_for_nothing(scene):
    """Rings kept while the worker could not answer them, put back when all of it is done."""

    async def restore() -> int:
        async with scene.installation.redis() as redis:
            with scene.frozen_worker():
                batch = await scene.send(20, "allow")
                kept = {key: await redis.dump(key) async for key in redis.scan_iter("arq:*")}
            assert any(kept.values()), "no ring was kept"
            for sent in batch:
                await scene.until_some("items", f"external_id = '{sent.external_id}' AND state = 'decided'")
            await redis.flushall()
            for key, value in kept.items():
                if value is not None:
                    await redis.restore(key, 0, value, replace=True)
            await asyncio.sleep(1)
        return len(kept)

    await scene.survive("17 Valkey restored from before", restore)


async def test_rubbish_and_pickles_in_the_queue_are_neither_run_nor_obeyed(scene, tmp_path):
    proof = tmp_path / "owned"

    class Bomb:
        def __reduce__(self):
            return (proof.touch, ())

    async def litter() -> int:
        async with scene.installation.redis() as redis:
            await redis.set("arq:job:pickled", pickle.dumps(Bomb()))
            await redis.zadd("arq:queue", {"pickled": -1} | {f"bogus-{number}": 0 for number in range(2_000)})
            await redis.mset({f"arq:in-progress:bogus-{number}": 1 for number in range(2_000)})
            await asyncio.sleep(1)
            await redis.flushall()
        return 1

    await scene.survive("18 hostile content in Valkey", litter)
    assert not proof.exists()
