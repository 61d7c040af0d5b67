"""Runs the two halves of a worker side by side: arq's loop, restarted whenever Redis ends it, and the sweep."""

import asyncio
import contextlib
import signal

import structlog
from arq.worker import Worker

from veilleur.infra.db.session import NOBODY
from veilleur.infra.doorbell import read_redis_settings
from veilleur_worker.act import finish_acting
from veilleur_worker.deliver import finish_deliveries
from veilleur_worker.drains import Drains
from veilleur_worker.parts import Parts
from veilleur_worker.provider_calls import finish_asking
from veilleur_worker.schedule import sweep_forever
from veilleur_worker.settings import build_worker

RESTART_S = (0.1, 3.0)
"""First and longest pause before arq's loop is started again."""
STOP_WITHIN_S = 8.0
BATCH_WITHIN_S = 5.0

_log = structlog.get_logger(__name__)


async def run_worker(parts: Parts) -> None:
    """Work until SIGTERM or SIGINT; batches under way are finished, or rolled back if they take too long."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    drains = Drains(parts)
    tasks = [
        asyncio.create_task(_answer_rings(parts, drains)),
        asyncio.create_task(sweep_forever(parts, drains)),
    ]
    _log.info("worker_started")
    await stop.wait()
    for task in tasks:
        task.cancel()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(STOP_WITHIN_S):
            await drains.stop(BATCH_WITHIN_S)
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.gather(finish_deliveries(), finish_asking(), finish_acting())
            await _leave(parts)
            await parts.close()
    _log.info("worker_stopped")


async def _answer_rings(parts: Parts, drains: Drains) -> None:
    pause = RESTART_S[0]
    while True:
        started = asyncio.get_running_loop().time()
        worker: Worker | None = None
        try:
            worker = build_worker(read_redis_settings(parts.settings.redis_url.get_secret_value()), drains)
            await worker.main()
        except Exception as error:  # noqa: BLE001 - rings are a comfort; the sweep goes on without
            _log.warning("bell_lost", error=type(error).__name__)
        finally:
            await _close(worker)
        if asyncio.get_running_loop().time() - started > RESTART_S[1]:
            pause = RESTART_S[0]
        await asyncio.sleep(pause)
        pause = min(pause * 2, RESTART_S[1])


async def _leave(parts: Parts) -> None:
    with contextlib.suppress(Exception):
        async with parts.database.transaction(NOBODY) as session:
            await parts.pulse.leave(session)


async def _close(worker: Worker | None) -> None:
    if worker is None:
        return
    for task in worker.tasks.values():
        task.cancel()
    with contextlib.suppress(Exception):
        if worker._pool is not None:  # noqa: SLF001 - its own close() waits for a Redis that may hang
            await asyncio.wait_for(worker.pool.aclose(close_connection_pool=True), 1)
