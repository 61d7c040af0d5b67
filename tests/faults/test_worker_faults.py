"""The worker may be killed, frozen or replaced at any moment."""

import asyncio
import signal

import pytest

from tests.faults.support.scene import few_or_many

pytestmark = pytest.mark.chaos


async def test_a_worker_killed_in_mid_batch_loses_nothing_and_doubles_nothing(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 60)):
            await scene.until_some("items", "state = 'received' AND attempts > 0")
            await scene.installation.strike("worker")
        return few_or_many(1, 60)

    await scene.survive("kill -9 of the worker in mid-batch", kill)


async def test_a_worker_killed_at_any_time_loses_nothing_and_doubles_nothing(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 60)):
            await asyncio.sleep(scene.rng.uniform(0, 1.5))
            await scene.installation.strike("worker")
        return few_or_many(1, 60)

    await scene.survive("kill -9 of the worker at random", kill)


async def test_a_worker_killed_right_after_its_commit_decides_nothing_twice(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 40)):
            decided = await scene.count("decisions")
            condition = f"(SELECT count(*) FROM decisions d WHERE d.agency_id = $1) > {decided}"
            await scene.until_some("decisions", condition)
            await scene.installation.strike("worker")
        return few_or_many(1, 40)

    await scene.survive("kill -9 of the worker after its commit", kill)


async def test_a_callback_whose_sender_was_killed_comes_again_under_the_same_id(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 20)):
            before = scene.endpoint.calls
            scene.endpoint.answering.clear()
            while scene.endpoint.calls == before:
                await asyncio.sleep(0.005)
            await scene.installation.strike("worker")
            scene.endpoint.answering.set()
        return few_or_many(1, 20)

    await scene.survive("kill -9 of the worker during a send", kill)
    assert max(map(len, scene.endpoint.bodies.values())) > 1, "nothing was in the air"
