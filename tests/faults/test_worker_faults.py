"""The worker may be killed, frozen or replaced at any moment."""

import asyncio
import signal

import pytest

from tests.faults.support.installation import wait_until
from tests.faults.support.scene import few_or_many, only_full

pytestmark = pytest.mark.chaos


async def test_a_worker_killed_in_mid_batch_loses_nothing_and_doubles_nothing(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 60)):
            await scene.until_some("items", "state = 'received' AND attempts > 0")
            await scene.installation.strike("worker")
        return few_or_many(1, 60)

    await scene.survive("1 kill -9 of the worker in mid-batch", kill)


@only_full
async def test_a_worker_killed_at_any_time_loses_nothing_and_doubles_nothing(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 60)):
            await asyncio.sleep(scene.rng.uniform(0, 1.5))
            await scene.installation.strike("worker")
        return few_or_many(1, 60)

    await scene.survive("1 kill -9 of the worker at random", kill)


async def test_a_worker_killed_right_after_its_commit_decides_nothing_twice(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 40)):
            decided = await scene.count("decisions")
            condition = f"(SELECT count(*) FROM decisions d WHERE d.agency_id = $1) > {decided}"
            await scene.until_some("decisions", condition)
            await scene.installation.strike("worker")
        return few_or_many(1, 40)

    await scene.survive("2 kill -9 of the worker after its commit", kill)


async def test_a_callback_whose_sender_was_killed_comes_again_under_the_same_id(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 20)):
            before = scene.endpoint.calls
            scene.endpoint.answering.clear()
            await wait_until(lambda before=before: scene.endpoint.calls > before, "a callback", every=0.005)
            await scene.installation.strike("worker")
            scene.endpoint.answering.set()
        return few_or_many(1, 20)

    await scene.survive("3 kill -9 of the worker during a send", kill)
    assert max(map(len, scene.endpoint.bodies.values())) > 1, "nothing was in the air"


async def test_a_worker_that_is_asked_to_stop_hears_the_answers_it_waits_for(scene):
    """Else every deployment would send what is in the air twice, half a minute apart."""
    scene.endpoint.answering.clear()
    await scene.send(5, "allow")
    await wait_until(lambda: scene.endpoint.calls == 5, "five callbacks in the air")
    stopping = asyncio.create_task(scene.installation.strike("worker", signal.SIGTERM))
    await asyncio.sleep(0.5)
    scene.endpoint.answering.set()
    await stopping
    await scene.reckon("4 SIGTERM of the worker during a send", 1)
    assert scene.endpoint.calls == 5


async def test_two_workers_share_the_work_and_double_none_of_it(scene):
    async def work() -> int:
        async with scene.installation.second_worker():
            await scene.send(few_or_many(150, 3_000))
            await asyncio.sleep(few_or_many(1, 20))
        return 2

    await scene.survive("44 two workers at once", work)


async def test_a_worker_frozen_in_mid_batch_and_woken_later_does_nothing_over(scene):
    """Its colleague works on meanwhile; what the frozen one has locked waits for it."""

    async def freeze() -> int:
        async with scene.installation.second_worker():
            for _ in range(few_or_many(1, 20)):
                await scene.until_some("items", "state = 'received' AND attempts > 0")
                with scene.frozen_worker():
                    [sent] = await scene.send(1, "remove")
                    await scene.until_some("items", f"external_id = '{sent.external_id}' AND state = 'decided'")
        return few_or_many(1, 20)

    await scene.survive("5 SIGSTOP of a worker in mid-batch, then CONT", freeze)


async def test_deadlines_that_passed_without_a_worker_are_breached_once_at_their_own_time(scene):
    """Two workers come back at once to what was missed."""
    scene.moderators.clear()
    await scene.send(10, "review")
    await scene.settle()
    with scene.frozen_worker():
        await scene.installation.pass_time(5 * 3600)
    async with scene.installation.second_worker():
        await scene.until_some("sla_clocks", "true HAVING count(*) FILTER (WHERE breached_at IS NULL) = 0")
    stock = await scene.reckon("43 no worker at the deadline, then two", 1)
    assert len(stock.all("sla_clocks")) == 10
    assert all(clock["breached_at"] == clock["due_at"] for clock in stock.all("sla_clocks"))
    assert set(stock.count("sla_events", "clock_id", type="breached").values()) == {1}
