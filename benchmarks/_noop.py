"""The yardstick of the worker: arq with a job that does nothing. `_noop.py rate|latency <redis> <jobs> <poll>`

`rate` prints jobs per second of one worker that finds them all waiting; `latency` the median milliseconds from
enqueueing a single job to its end, at a trickle.
"""

import asyncio
import statistics
import sys
import time
from typing import Any

from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.worker import Worker, func

QUEUE = "arq:bench"
MAX_JOBS = 10
"""arq's own default."""
TRICKLE_S = 0.03

_took: list[float] = []


async def noop(_context: dict[str, Any], enqueued_at: float) -> None:
    _took.append(time.time() - enqueued_at)


async def _enqueue(pool: ArqRedis, jobs: int, pause: float) -> None:
    for _ in range(jobs):
        await pool.enqueue_job("noop", time.time(), _queue_name=QUEUE)
        await asyncio.sleep(pause)


async def _measure_rate(settings: RedisSettings, jobs: int, poll: float) -> float:
    await _enqueue(await create_pool(settings), jobs, 0)
    worker = _build(settings, poll, burst=True)
    began = time.perf_counter()
    await worker.main()
    return jobs / (time.perf_counter() - began)


async def _measure_latency(settings: RedisSettings, jobs: int, poll: float) -> float:
    worker = _build(settings, poll, burst=False)
    working = asyncio.create_task(worker.main())
    await _enqueue(await create_pool(settings), jobs, TRICKLE_S)
    while len(_took) < jobs:  # noqa: ASYNC110 - the job only counts
        await asyncio.sleep(0.01)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    return statistics.median(_took) * 1_000


def _build(settings: RedisSettings, poll: float, *, burst: bool) -> Worker:
    return Worker(
        functions=[func(noop, name="noop")],  # type: ignore[arg-type]
        redis_settings=settings,
        queue_name=QUEUE,
        burst=burst,
        poll_delay=poll,
        max_jobs=MAX_JOBS,
        handle_signals=False,
    )


if __name__ == "__main__":
    kind, redis, count, seconds = sys.argv[1:]
    measure = {"rate": _measure_rate, "latency": _measure_latency}[kind]
    print(asyncio.run(measure(RedisSettings.from_dsn(redis), int(count), float(seconds))))
