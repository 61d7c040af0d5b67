"""One piece of work for all who want it at the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Who asks while the answer is being found gets that answer; whoever comes after it begins anew."""

    def __init__(self) -> None:
        self._running: asyncio.Task[T] | None = None

    async def run(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The work goes on when a caller leaves; what it raises, all who wait are told."""
        running = self._running
        if running is None:
            running = self._running = asyncio.create_task(work())
            running.add_done_callback(self._forget)
        return await asyncio.shield(running)

    def _forget(self, task: "asyncio.Task[T]") -> None:
        self._running = None
        if not task.cancelled():
            task.exception()  # those who waited may be gone, and nobody else would fetch it
