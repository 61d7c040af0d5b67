"""Everything dies, at once or in any order, and comes back by itself."""

import asyncio
import signal
from contextlib import suppress

import pytest
from redis.exceptions import RedisError

from tests.faults.support.installation import Installation, wait_until
from tests.faults.support.scene import few_or_many

pytestmark = pytest.mark.chaos

NAMES = ("api", "worker", "valkey", "postgres")

BLOWS = {
    "api": signal.SIGKILL,
    "worker": signal.SIGKILL,
    "valkey": signal.SIGKILL,
    "postgres": signal.SIGQUIT,
}
"""How each dies in a storm. PostgreSQL's is its immediate shutdown."""
STORM = [*BLOWS, "flush"]


async def test_all_four_killed_at_once_come_back_and_have_lost_nothing(scene):
    async def kill() -> int:
        for _ in range(few_or_many(1, 20)):
            before = {name: scene.installation.hit(name, signal.SIGKILL) for name in NAMES}
            for name, pid in before.items():
                await wait_until(
                    lambda name=name, pid=pid: scene.installation.pid(name) not in (pid, None), f"{name} to be back"
                )
            await scene.installation.healthy()
        return few_or_many(1, 20)

    await scene.survive("11 kill -9 of everything at once", kill)


async def test_a_storm_of_blows_in_any_order_loses_nothing(scene):
    """Whoever is struck, others may still be on their way back from the blow before."""
    rounds = few_or_many(1, 30)

    async def rage() -> int:
        struck = 0
        for _ in range(rounds):
            for name in scene.rng.sample(STORM, len(STORM)):
                struck += await _strike(scene.installation, name)
                await asyncio.sleep(scene.rng.uniform(0.3, 4.0))
        return struck

    await scene.survive("11 a storm: any of them, in any order", rage, rate=few_or_many(50, 150))


async def _strike(installation: Installation, name: str) -> bool:
    """Whether there was anything to strike at."""
    if installation.pid("valkey" if name == "flush" else name) is None:
        return False
    if name == "flush":
        with suppress(RedisError):
            async with installation.redis() as redis:
                await redis.flushall()
    else:
        installation.hit(name, BLOWS[name])
    return True
