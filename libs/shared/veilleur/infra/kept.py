"""A small cache by time, for what is asked in every request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Generic, TypeVar

TTL_S = 5.0
PATIENCE_S = 1.5
"""How long a caller waits for a database that hangs."""
MAX_KEPT = 10_000

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """What `load` found, for `TTL_S` seconds; absences are kept too, so that guessing ids costs the database little.

    Callers that miss the same key at once share one look-up, which goes on when they have lost their patience.
    """

    def __init__(self, load: Callable[[K], Awaitable[V | None]]) -> None:
        self._load = load
        self._kept: dict[K, tuple[float, V | None]] = {}
        self._loading: dict[K, asyncio.Task[V | None]] = {}

    def clear(self) -> None:
        self._kept.clear()

    async def get(self, key: K) -> V | None:
        kept = self._kept.get(key)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        loading = self._loading.get(key)
        if loading is None:
            loading = self._loading[key] = asyncio.create_task(self._fetch(key))
            loading.add_done_callback(_look_at_failure)
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.shield(loading)

    async def _fetch(self, key: K) -> V | None:
        try:
            value = await self._load(key)
        finally:
            del self._loading[key]
        if len(self._kept) >= MAX_KEPT:
            self._kept.clear()
        self._kept[key] = (time.monotonic() + TTL_S, value)
        return value


def _look_at_failure(task: "asyncio.Task[Any]") -> None:
    """Those who waited may be gone: a failure that nobody fetches would be logged as forgotten."""
    if not task.cancelled():
        task.exception()
