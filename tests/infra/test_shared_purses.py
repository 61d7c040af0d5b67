"""The purses in Valkey do what the pure function says, and a Valkey that is no help is found out soon."""

import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from tests.support.people import unique
from tests.support.valkey import open_valkey
from veilleur.domain.tenancy.purse import Purse, find_burst, find_slice, take_slice
from veilleur.domain.tenancy.quota import Limits
from veilleur.infra.shared_purses import PATIENCE_S, Ask, PursesAwayError, SharedPurses, Slice


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with open_valkey() as opened:
        yield opened


@pytest.fixture(scope="module")
def redis(url) -> Iterator[Redis]:
    with Redis.from_url(url, decode_responses=True) as client:
        yield client


@pytest.fixture
async def purses(url) -> AsyncIterator[SharedPurses]:
    made = SharedPurses(url)
    yield made
    await made.close()


def ask(limits: Limits, purse: str, carried: float = 0.0, calls: int = 1) -> Ask:
    return Ask(purse, limits.items_per_s or 0, find_burst(limits), find_slice(limits, calls), carried)


@contextmanager
def asleep(redis: Redis) -> Iterator[None]:
    pid = int(redis.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


VISITS = st.lists(
    st.tuples(st.integers(0, 1), st.floats(-60, 600), st.floats(-300, 1), st.integers(1, 500)),
    min_size=1,
    max_size=12,
)
"""Which purse, after how many seconds (the clock may go back), with what in hand, and for how many calls."""


@settings(max_examples=60, deadline=None)
@given(rates=st.tuples(st.integers(1, 1_000), st.integers(1, 1_000)), burst=st.integers(1, 2_000), visits=VISITS)
async def test_the_script_is_the_pure_function(url, rates, burst, visits):
    """Valkey's clock is its own: time passes by setting back what a purse was last seen at."""
    limits = [Limits(rate, burst) for rate in rates]
    names, expected = [unique("p"), unique("p")], dict[int, Purse]()
    purses = SharedPurses(url)
    with Redis.from_url(url, decode_responses=True) as redis:
        for which, pause, carried, calls in visits:
            key = f"veilleur:purse:{names[which]}"
            if which in expected:
                at = expected[which].at - pause
                redis.hset(key, "at", repr(at))
                expected[which] = Purse(expected[which].tokens, at)
            [found] = await purses.take([ask(limits[which], names[which], carried, calls)])
            purse, taken = take_slice(
                expected.get(which), limits[which], find_slice(limits[which], calls), carried, found.at
            )
            assert (found.taken, found.left) == (taken, purse.tokens)
            expected[which] = purse
            assert 0 < redis.pttl(key) <= (find_burst(limits[which]) - purse.tokens) / rates[which] * 1_000 + 1_001
    await purses.close()


async def test_slices_of_many_purses_come_at_once(purses):
    limits = Limits(4, 10)
    slices = await purses.take([ask(limits, unique("p"), carried) for carried in (0.0, -9.5, 0.5)])
    assert [(one.taken, one.left) for one in slices] == [(1.0, 9.0), (0.0, 0.5), (1.0, 9.0)]


async def test_a_wiped_valkey_has_full_purses_and_needs_no_help(purses, redis):
    name, limits = unique("p"), Limits(1, 2)
    assert [(await purses.take([ask(limits, name)]))[0].taken for _ in range(3)] == [1.0, 1.0, 0.0]
    redis.flushdb()
    redis.script_flush()
    assert (await purses.take([ask(limits, name)]))[0].taken == 1.0


async def test_what_somebody_wrote_over_a_purse_is_a_full_one(purses, redis):
    name = unique("p")
    redis.hset(f"veilleur:purse:{name}", mapping={"tokens": "many", "at": ""})
    [found] = await purses.take([ask(Limits(1, 5), name)])
    assert found == Slice(1.0, 4.0, found.at)


async def test_a_valkey_that_hangs_costs_little_patience(purses, redis):
    await purses.take([ask(Limits(1), unique("p"))])
    with asleep(redis):
        began = time.monotonic()
        with pytest.raises(PursesAwayError):
            await purses.take([ask(Limits(1), unique("p"))])
        assert time.monotonic() - began < 4 * PATIENCE_S
    assert await purses.answers()
    await purses.take([ask(Limits(1), unique("p"))])


async def test_a_valkey_that_is_full_or_gone_is_away(purses, redis):
    redis.config_set("maxmemory-policy", "noeviction")
    redis.config_set("maxmemory", "1")
    try:
        with pytest.raises(PursesAwayError):
            await purses.take([ask(Limits(1), unique("p"))])
    finally:
        redis.config_set("maxmemory", "0")
    gone = SharedPurses("redis://127.0.0.1:9")
    with pytest.raises(PursesAwayError):
        await gone.take([ask(Limits(1), unique("p"))])
    assert not await gone.answers()
    await gone.close()
