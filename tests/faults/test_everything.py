"""Everything dies at once, and comes back by itself."""

import signal

import pytest

from tests.faults.support.installation import wait_until
from tests.faults.support.scene import few_or_many

pytestmark = pytest.mark.chaos

NAMES = ("api", "worker", "valkey", "postgres")


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
