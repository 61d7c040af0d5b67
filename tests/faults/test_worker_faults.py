"""The worker may be killed, frozen or replaced at any moment."""

import asyncio
import signal
from contextlib import asynccontextmanager

import pytest

from tests.faults.support.installation import open_http, wait_until
from tests.faults.support.scene import LEASE_S, few_or_many, only_full

pytestmark = pytest.mark.chaos

WORKING = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'veilleur_worker' AND xact_start IS NOT NULL"
SCHEMA = "SELECT version_num AS revision, obj_description('alembic_version'::regclass) AS note FROM alembic_version"


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
    calls = max(map(len, scene.endpoint.bodies.values()))
    assert calls > 1, "nothing was in the air"
    assert calls <= 1 + few_or_many(1, 20), "a callback came again without a death"


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


async def test_a_worker_frozen_past_its_leases_records_nothing_when_it_wakes(scene):
    """What it sent was sent again and recorded by its colleague: the answers it finds are worth nothing any more."""
    times = few_or_many(1, 10)
    for _ in range(times):
        sent = scene.endpoint.calls
        scene.endpoint.answering.clear()
        await scene.send(3, "allow")
        await wait_until(lambda sent=sent: scene.endpoint.calls == sent + 3, "three callbacks in the air")
        async with frozen_while_it_waits(scene):
            scene.endpoint.answering.set()
            async with scene.installation.second_worker():
                await scene.installation.pass_time(LEASE_S)
                await wait_until(lambda sent=sent: scene.endpoint.calls == sent + 6, "all three once more")
                await scene.until_some("deliveries", "true HAVING count(*) FILTER (WHERE due_at IS NOT NULL) = 0")
    await scene.reckon("5 SIGSTOP of a worker past the leases of its callbacks", times)
    told = await scene.fetch(
        "SELECT state, attempts, jsonb_array_length(log), log FROM deliveries WHERE agency_id = $1"
    )
    assert {tuple(row)[:3] for row in told} == {("delivered", 2, 1)}, [row["log"] for row in told]


async def test_a_worker_that_can_not_start_costs_no_receipt(scene):
    """The schema is one that its code can't live with. The API, which runs already, says so and takes everything in."""

    async def spoil() -> int:
        workers = set()
        async with unfit_schema(scene):
            await scene.installation.strike("worker")
            await wait_until(
                lambda: workers.add(scene.installation.pid("worker")) or len(workers) > 2, "two deaths", 60
            )
            await scene.send(5, "allow")
            assert await scene.count("items", "attempts = 0") >= 5
            async with open_http(scene.installation.base_url) as http:
                assert (await http.get("/readyz")).status_code == 503
        return len(workers) - 1

    await scene.survive("9 a worker that can't start", spoil, rate=10)


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


@asynccontextmanager
async def frozen_while_it_waits(scene):
    """And not in a transaction, whose locks it would take along."""
    while True:
        pid = scene.installation.hit("worker", signal.SIGSTOP)
        [working] = await scene.installation.fetch(WORKING)
        if not working[0]:
            break
        scene.installation.resume(pid)
        await asyncio.sleep(0.02)
    try:
        yield
    finally:
        scene.installation.resume(pid)


@asynccontextmanager
async def unfit_schema(scene):
    """As if newer code had migrated, and the next release served only itself."""
    [before] = await scene.installation.fetch(SCHEMA)
    try:
        await name_schema(scene, "9999", "serves code from 9999")
        yield
    finally:
        await name_schema(scene, **before)


async def name_schema(scene, revision, note):
    await scene.installation.fetch("UPDATE alembic_version SET version_num = $1", revision)
    await scene.installation.fetch(f"COMMENT ON TABLE alembic_version IS '{note}'")
