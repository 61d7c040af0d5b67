"""The doorbell: never waits, never raises, never more than a few rings; JSON and nothing else on the wire."""

import asyncio
import json
import time
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit, urlunsplit

import pytest
from redis.asyncio import Redis

from tests.support.desk import open_desk
from tests.support.receiver import open_mute_server
from veilleur.infra.db.session import Database
from veilleur.infra.doorbell import BUCKET_S, RETRY_S, RING_TIMEOUT_S, ArqBell
from veilleur.infra.worklist import hint_work
from veilleur.kernel.ids import new_id


@asynccontextmanager
async def open_bell(url):
    bell = ArqBell(url)
    try:
        yield bell
    finally:
        await bell.close()


@pytest.fixture
async def redis(world):
    client = Redis.from_url(world.settings.redis_url.get_secret_value())
    yield client
    await client.aclose()


@pytest.fixture
async def mute_port():
    async with open_mute_server() as port:
        yield port


@pytest.fixture
async def dead_port():
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return port


async def jobs_of(redis, agency_id):
    names = [key.decode() for key in await redis.keys(f"arq:job:drain:*:{agency_id}:*")]
    return [await redis.get(name) for name in sorted(names)]


async def rung(redis, agency_id, count):
    """The jobs of an agency once there are as many as wanted, and a little later."""
    async with asyncio.timeout(5):
        while len(await jobs_of(redis, agency_id)) < count:  # noqa: ASYNC110 - Redis is elsewhere
            await asyncio.sleep(0.01)
    await asyncio.sleep(BUCKET_S)
    return await jobs_of(redis, agency_id)


async def test_a_ring_is_a_json_job_that_names_kind_and_agency(world, redis):
    agency_id = new_id()
    async with open_bell(world.settings.redis_url.get_secret_value()) as bell:
        bell.ring("screening", agency_id)
        [raw] = await rung(redis, agency_id, 1)
    job = json.loads(raw)
    assert (job["f"], job["a"], job["k"]) == ("drain", ["screening", str(agency_id)], {})


async def test_a_commit_that_leaves_work_rings(world, redis):
    desk = await open_desk(world)
    await desk.client.accept()
    jobs = [json.loads(raw) for raw in await rung(redis, desk.agency_id, 1)]
    assert "screening" in {job["a"][0] for job in jobs}


async def test_many_rings_become_few_and_the_last_is_heard(world, redis):
    agency_id, other = new_id(), new_id()
    async with open_bell(world.settings.redis_url.get_secret_value()) as bell:
        for _ in range(500):
            bell.ring("screening", agency_id)
        bell.ring("delivery", agency_id)
        bell.ring("screening", other)
        assert len(await rung(redis, agency_id, 2)) == 2
        bell.ring("screening", agency_id)
        assert len(await rung(redis, agency_id, 3)) == 3
        assert len(await rung(redis, other, 1)) == 1


@pytest.mark.parametrize("mute", [False, True], ids=["dead", "mute"])
async def test_without_redis_ringing_costs_nothing_and_raises_nothing(dead_port, mute_port, mute):
    before = asyncio.all_tasks()
    async with open_bell(f"redis://127.0.0.1:{mute_port if mute else dead_port}") as bell:
        started = time.monotonic()
        for agency_id in [new_id() for _ in range(20)] * 50:
            bell.ring("screening", agency_id)
        assert time.monotonic() - started < 0.5
        await asyncio.sleep(BUCKET_S + RING_TIMEOUT_S * 2)
        assert asyncio.all_tasks() - before == set()


async def test_a_lost_ring_silences_the_bell_for_a_second_and_then_it_rings_again(world, redis, dead_port):
    agency_id = new_id()
    real = urlsplit(world.settings.redis_url.get_secret_value())
    url = urlunsplit(real._replace(netloc=real.netloc.replace(f":{real.port}", f":{dead_port}")))
    async with open_bell(url) as bell:
        bell.ring("screening", agency_id)
        await asyncio.sleep(BUCKET_S)
        async with forwarded(dead_port, real.port):
            bell.ring("screening", agency_id)
            await asyncio.sleep(BUCKET_S * 2)
            assert await jobs_of(redis, agency_id) == []
            await asyncio.sleep(RETRY_S)
            bell.ring("screening", agency_id)
            assert len(await rung(redis, agency_id, 1)) == 1


@asynccontextmanager
async def forwarded(port, target):
    """A server at `port` that hands everything on to `target`, both ways."""

    async def pump(reader, writer):
        with suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                writer.write(chunk)
        writer.close()

    async def accept(reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(pump(reader, inner_writer), pump(inner_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


async def test_a_transaction_with_work_is_as_quick_beside_a_mute_redis(world, mute_port):
    desk = await open_desk(world)
    async with open_bell(f"redis://127.0.0.1:{mute_port}") as bell:
        database = Database(world.settings.database_url.get_secret_value(), bell=bell, pool_size=1)
        started = time.monotonic()
        for _ in range(5):
            async with database.transaction(desk.scope) as session:
                await hint_work(session, desk.agency_id, "sla")
        assert time.monotonic() - started < 3
        await database.close()
    assert await desk.count("work_hints", "kind = 'sla'") >= 1


async def test_closing_the_bell_waits_for_no_mute_redis(mute_port):
    bell = ArqBell(f"redis://127.0.0.1:{mute_port}")
    bell.ring("screening", new_id())
    await asyncio.sleep(0.05)
    started = time.monotonic()
    await bell.close()
    assert time.monotonic() - started < 1.5
