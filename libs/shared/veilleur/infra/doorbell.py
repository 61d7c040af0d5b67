"""The doorbell: tells the worker that an agency has work. It holds nothing; a lost ring costs at most a second.

Rings are coalesced per agency and kind: the first is sent at once, those that follow within a tenth of a second become
one more ring at its end, so a ring can never be swallowed by a drain that had already looked. Ring ids carry the
process and that tenth, because arq drops a job whose id is still running.
"""

import asyncio
import contextlib
import json
import os
import time
from typing import Any, Protocol
from uuid import UUID

import structlog
from arq.connections import ArqRedis, RedisSettings
from redis.exceptions import RedisError

from veilleur.infra.figures import RINGS_LOST
from veilleur.infra.worklist import WorkKind

BUCKET_S = 0.1
RING_TIMEOUT_S = 0.2
CONNECT_TIMEOUT_S = 1
RETRY_S = 1.0

_log = structlog.get_logger(__name__)


class Doorbell(Protocol):
    def ring(self, kind: WorkKind, agency_id: UUID) -> None:
        """Never waits, never raises."""


class SilentBell:
    """A bell nobody hears: the sweep finds the work a second later."""

    def ring(self, kind: WorkKind, agency_id: UUID) -> None:
        pass


def write_job(job: dict[str, Any]) -> bytes:
    """Arq pickles by default, which would let whoever writes to Redis run code in the worker."""
    return json.dumps(job).encode()


def read_job(raw: bytes) -> dict[str, Any]:
    job: dict[str, Any] = json.loads(raw)
    return job


def read_redis_settings(url: str) -> RedisSettings:
    settings = RedisSettings.from_dsn(url)
    settings.conn_timeout = CONNECT_TIMEOUT_S
    settings.conn_retries = 0
    return settings


class ArqBell:
    """Rings through arq; where Redis is away the ring is lost, logged, and not tried again for a second."""

    def __init__(self, redis_url: str) -> None:
        # It connects when it is first used. Opened here, two first rings at once share it.
        self._pool: ArqRedis = ArqRedis.from_url(redis_url, socket_connect_timeout=CONNECT_TIMEOUT_S)
        self._pool.job_serializer, self._pool.job_deserializer = write_job, read_job
        self._rung_at: dict[tuple[WorkKind, UUID], float] = {}
        self._waiting: set[tuple[WorkKind, UUID]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet_until = 0.0

    def ring(self, kind: WorkKind, agency_id: UUID) -> None:
        key = (kind, agency_id)
        if key in self._waiting or time.monotonic() < self._quiet_until:
            return
        self._waiting.add(key)
        task = asyncio.create_task(self._ring_in_time(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def answers(self) -> bool:
        """Whether Redis answers in the time that a ring may take."""
        try:
            async with asyncio.timeout(RING_TIMEOUT_S):
                await self._pool.ping()
        except (TimeoutError, OSError, RedisError):
            return False
        return True

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(TimeoutError, OSError, RedisError):
            await asyncio.wait_for(self._pool.aclose(close_connection_pool=True), 1)

    async def _ring_in_time(self, key: tuple[WorkKind, UUID]) -> None:
        await asyncio.sleep(self._rung_at.get(key, 0.0) + BUCKET_S - time.monotonic())
        self._waiting.discard(key)
        self._rung_at[key] = time.monotonic()
        await self._send(*key)

    async def _send(self, kind: WorkKind, agency_id: UUID) -> None:
        job_id = f"drain:{kind}:{agency_id}:{os.getpid()}:{int(time.time() / BUCKET_S)}"
        try:
            async with asyncio.timeout(RING_TIMEOUT_S):
                await self._pool.enqueue_job("drain", kind, str(agency_id), _job_id=job_id, _expires=60_000)
        except (TimeoutError, OSError, RedisError) as error:
            self._quiet_until = time.monotonic() + RETRY_S
            RINGS_LOST.inc()
            _log.warning("ring_lost", kind=kind, agency_id=str(agency_id), error=type(error).__name__)
