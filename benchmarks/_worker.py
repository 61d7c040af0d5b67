"""Measuring the worker: a backlog that it finds all at once, and arq's no-op job beside it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import asyncpg
from _bench import HERE, Client, Machine, make_items
from _load import send_all

POLLS = (0.5, 0.05)
"""arq's default pause between two looks at Redis, and a short one."""
BULK = 1_000
PATIENCE_S = 120.0


def screen_backlog(machine: Machine, client: Client, worker: int, prefix: str, count: int) -> float:
    """Items per second of a worker that was asleep while `count` items came in, until the last one is committed."""
    with _asleep(worker):
        send_items(machine, client, prefix, count)
    began = time.perf_counter()
    wait_for_screening(machine)
    return count / (time.perf_counter() - began)


def send_items(machine: Machine, client: Client, prefix: str, count: int) -> None:
    """Items with real texts, in bulk calls."""
    items = make_items(count, prefix)
    calls = [client.bundle(items[start : start + BULK]) for start in range(0, count, BULK)]
    send_all(machine.ports["api"], calls, 2).require(202)


def wait_for_screening(machine: Machine) -> None:
    """Until no item waits for its screening."""
    asyncio.run(_wait(machine))


def measure_noop(machine: Machine, kind: Literal["rate", "latency"], jobs: int, poll: float) -> float:
    """See `_noop.py`."""
    arguments = [sys.executable, str(HERE / "_noop.py"), kind, machine.context.redis_url, str(jobs), str(poll)]
    return float(subprocess.run(arguments, capture_output=True, text=True, check=True).stdout)  # noqa: S603


@contextmanager
def _asleep(worker: int) -> Iterator[None]:
    os.kill(worker, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(worker, signal.SIGCONT)


async def _wait(machine: Machine) -> None:
    connection = await asyncpg.connect(machine.admin_url)
    until = time.monotonic() + PATIENCE_S
    try:
        while await connection.fetchval("SELECT EXISTS (SELECT FROM items WHERE state = 'received')"):
            assert time.monotonic() < until, "the worker does not get done"
            await asyncio.sleep(0.02)
    finally:
        await connection.close()
