"""One rate for all processes; and when Valkey is no help, one for each, at once."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx
import pytest
from redis import Redis

from tests.api.ingest.test_quotas import count_status, limit
from tests.support.people import Client, unique
from tests.support.valkey import open_valkey
from tests.support.world import BASE_URL, World
from veilleur.domain.tenancy.quota import Limits
from veilleur.infra.shared_purses import PATIENCE_S, SharedPurses
from veilleur_api.app import create_app
from veilleur_api.ingest.pacing import Paced, Pacer
from veilleur_api.parts import build_parts

SLOW = Limits(1, 40)
"""So slow that a test is over before more comes in."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_valkey() as opened:
        yield opened


@asynccontextmanager
async def run_pacers(*urls: str) -> AsyncIterator[list[Pacer]]:
    pacers = [Pacer(SharedPurses(url)) for url in urls]
    for pacer in pacers:
        await pacer.open()
    try:
        yield pacers
    finally:
        for pacer in pacers:
            await pacer.close()


async def pay(pacer: Pacer, paced: Paced, calls: int, cost: int = 1) -> list[float]:
    return list(await asyncio.gather(*(pacer.pay(paced, cost) for _ in range(calls))))


def let_in(*waits: list[float]) -> int:
    return sum(wait == 0 for one in waits for wait in one)


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine is no hung Valkey."""
    monkeypatch.setattr("veilleur.infra.shared_purses.PATIENCE_S", 5.0)
    monkeypatch.setattr("veilleur_api.ingest.pacing.PATIENCE_S", 5.0)


@pytest.mark.usefixtures("_patient")
async def test_three_processes_let_in_what_one_would(url):
    paced = [(uuid4(), SLOW)]
    async with run_pacers(url, url, url) as pacers:
        waits = await asyncio.gather(*(pay(pacer, paced, 60) for pacer in pacers))
    assert 40 <= let_in(*waits) <= 42
    assert all(0 < wait <= 1 for one in waits for wait in one if wait)


@pytest.mark.usefixtures("_patient")
async def test_a_debt_made_here_is_known_there(url):
    paced = [(uuid4(), Limits(10, 20))]
    async with run_pacers(url, url) as (here, there):
        assert await here.pay(paced, 100) == 0
        await asyncio.sleep(0.1)
        assert 7.5 < await there.pay(paced, 1) < 8.1
        assert 7.5 < await here.pay(paced, 1) < 8.1


@pytest.mark.usefixtures("_patient")
async def test_who_is_held_up_by_one_purse_pays_from_no_other(url):
    client, rich, agency = uuid4(), (uuid4(), Limits(1, 30)), (uuid4(), Limits(1, 10))
    async with run_pacers(url) as [pacer]:
        assert let_in(await pay(pacer, [(client, Limits(1, 2)), agency], 9)) == 2
        assert let_in(await pay(pacer, [rich, agency], 30)) == 8
        assert let_in(await pay(pacer, [rich], 30)) == 22


@pytest.mark.usefixtures("_patient")
async def test_most_calls_ask_nobody_and_refusals_none(url, monkeypatch):
    asked = []
    take = SharedPurses.take

    async def count(self, asks):
        asked.append(len(asks))
        return await take(self, asks)

    monkeypatch.setattr(SharedPurses, "take", count)
    paced = [(uuid4(), Limits(100, 1_000)), (uuid4(), Limits(100, 1_000))]
    async with run_pacers(url) as [pacer]:
        for _ in range(1_000):
            assert await pacer.pay(paced, 1) == 0
        assert len(asked) <= 45
        few = len(asked)
        for _ in range(1_000):
            await pacer.pay([(paced[0][0], Limits(1, 1))], 1)
        assert len(asked) <= few + 5


@pytest.mark.usefixtures("_patient")
async def test_what_was_taken_under_other_limits_is_not_spent(url):
    whose = uuid4()
    async with run_pacers(url) as [pacer]:
        assert await pacer.pay([(whose, Limits(1_000, 1_000))], 1) == 0
        assert let_in(await pay(pacer, [(whose, Limits(1, 3))], 20)) == 3


@pytest.mark.parametrize("known", [True, False])
async def test_without_valkey_a_process_keeps_purses_by_itself_at_once(known):
    paced = [(uuid4(), SLOW)]
    async with run_pacers("redis://127.0.0.1:9") as [pacer]:
        pacer._alone = known
        began = time.monotonic()
        assert 40 <= let_in(await pay(pacer, paced, 60)) <= 41
        assert 0 < await pacer.pay(paced, 1) <= 1
        assert time.monotonic() - began < 10 * PATIENCE_S


async def test_a_hung_valkey_holds_up_nobody_for_long_and_is_found_again_behind_their_backs(url, monkeypatch):
    monkeypatch.setattr("veilleur_api.ingest.pacing.QUIET_S", 0.02)
    paced = [(uuid4(), SLOW)]
    with Redis.from_url(url) as redis:
        pid = int(redis.info("server")["process_id"])
    async with run_pacers(url, url) as (pacer, other):
        assert let_in(await pay(pacer, paced, 10)) == 10
        os.kill(pid, signal.SIGSTOP)
        try:
            slowest, answers = 0.0, []
            for _ in range(60):
                began = time.monotonic()
                answers.append(await pacer.pay(paced, 1))
                slowest = max(slowest, time.monotonic() - began)
            # It goes on from what it saw last: a burst is not given twice.
            assert 30 <= let_in(answers) <= 31
            assert slowest < 4 * PATIENCE_S
            await asyncio.sleep(0.05)
            began = time.monotonic()
            await pacer.pay(paced, 1)
            assert time.monotonic() - began < PATIENCE_S / 2
        finally:
            os.kill(pid, signal.SIGCONT)
        async with asyncio.timeout(5):
            while pacer._alone:
                await pacer.pay(paced, 1)
                await asyncio.sleep(0.01)
        # Valkey knows of the first ten; the rest is this process's word against nobody's.
        assert 28 <= let_in(await pay(other, paced, 60)) <= 32


@pytest.mark.usefixtures("_patient")
async def test_a_wiped_valkey_costs_a_burst_and_nothing_fails(url):
    paced = [(uuid4(), Limits(20, 40))]
    async with run_pacers(url) as [pacer]:
        assert 40 <= let_in(await pay(pacer, paced, 60)) <= 44
        with Redis.from_url(url) as redis:
            redis.flushdb()
            redis.script_flush()
        await asyncio.sleep(0.06)
        assert 40 <= let_in(await pay(pacer, paced, 60)) <= 44


@pytest.mark.usefixtures("_patient")
async def test_two_processes_of_one_installation_answer_as_one(world: World, client: Client):
    await limit(world, client, items_per_s=1, burst=10)
    parts = build_parts(world.settings)
    app = create_app(world.settings, parts)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as http,
    ):
        answers, began = [], time.monotonic()
        for number in range(24):
            raw = f'{{"type": "item.created", "data": {{"external_id": "{unique("c")}", "text": "x"}}}}'.encode()
            door = (world.http, http)[number % 2]
            path = f"/ingest/v1/sources/{client.source['id']}"
            answers.append(await door.post(path, content=raw, headers=client.sign(raw)))
    assert 10 <= count_status(answers, 202) <= 11 + time.monotonic() - began
    assert count_status(answers, 202) + count_status(answers, 429) == 24
    assert all(1 <= int(answer.headers["retry-after"]) <= 2 for answer in answers if answer.status_code == 429)
