"""The API may be killed before or after a commit, and replaced while it serves."""

import asyncio
import signal

import pytest

from tests.faults.support.scene import few_or_many, only_full

pytestmark = pytest.mark.chaos


@only_full
async def test_an_api_killed_at_any_time_keeps_every_promise_it_made(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 60)):
            await asyncio.sleep(scene.rng.uniform(0.2, 0.8))
            await scene.installation.strike("api")
            await scene.installation.healthy()
        return few_or_many(1, 60)

    await scene.survive("10 kill -9 of the API at random", kill)


async def test_an_api_killed_between_its_commit_and_its_answer_stores_nothing_twice(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 40)):
            stored = await scene.count("items")
            await scene.until_some("items", f"(SELECT count(*) FROM items i WHERE i.agency_id = $1) > {stored}")
            await scene.installation.strike("api")
            await scene.installation.healthy()
        return few_or_many(1, 40)

    await scene.survive("10 kill -9 of the API right after its commit", kill)


async def test_a_rolling_restart_under_load_gives_up_on_no_item(scene):
    async def restart() -> int:
        for _ in range(few_or_many(1, 10)):
            for name in ("api", "worker"):
                await scene.installation.strike(name, signal.SIGTERM)
                await scene.installation.healthy()
        return few_or_many(2, 20)

    stock = await scene.survive("4 rolling SIGTERM of API and worker", restart)
    assert not stock.all("cases", reason="screening_failed")
    assert await scene.count("items", "attempts > 1") == 0, "a batch was cut off"
