"""Answers to a flood of forgeries are held back: whoever waits for an answer sends nothing else over that connection.

Nobody's genuine delivery is held, and few refusals at once are answered at once. Of a flood every source has its own,
and addresses that are no source have one between them. What is held costs memory, so there is a bound; beyond it a
refusal is answered at once.
"""

import asyncio
import random
import time
from uuid import UUID

from veilleur.domain.tenancy.purse import Purse, draw
from veilleur.domain.tenancy.quota import Limits

ANSWERED_AT_ONCE = Limits(items_per_s=100, burst=500)
HELD_S = (0.5, 1.5)
"""Each for another while, or all that came at once would come again at once."""
MOST_HELD = 32 * 1024 * 1024
"""Bytes of bodies that are held, each with what its connection costs."""
CONNECTION = 16 * 1024
MOST_PURSES = 10_000


class Holdback:
    """What one process holds back."""

    def __init__(self) -> None:
        self._purses: dict[UUID | None, Purse] = {}
        self._held = 0

    async def hold(self, source_id: UUID | None, size: int) -> None:
        """Return when a refusal of a body of `size` bytes may be told; None for what is no source."""
        purse, wait = draw(self._purses.get(source_id), ANSWERED_AT_ONCE, 1, time.monotonic())
        if len(self._purses) >= MOST_PURSES:
            self._purses.clear()
        if purse is not None:
            self._purses[source_id] = purse
        size += CONNECTION
        if wait == 0 or self._held + size > MOST_HELD:
            return
        self._held += size
        try:
            await asyncio.sleep(random.uniform(*HELD_S))  # noqa: S311 - it keeps no secret
        finally:
            self._held -= size
