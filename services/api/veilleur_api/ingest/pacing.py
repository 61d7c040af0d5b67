"""The rates of senders, kept by all processes together.

Their purses are in Valkey; a process takes a slice ahead and spends it by itself, so most calls ask nobody. What Valkey
said last is remembered: an empty purse refuses without being asked again until there can be something in it.

Nobody waits longer than `PATIENCE_S` for a slice. A Valkey that fails is left alone for a second, then looked for
behind the callers' backs. Meanwhile this process keeps each purse by itself, from what was last seen in it; as every
process does so, a rate is let through once by each.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from veilleur.domain.tenancy.purse import Purse, draw, find_burst, find_slice, find_wait
from veilleur.domain.tenancy.quota import Limits
from veilleur.infra.shared_purses import PATIENCE_S, Ask, PursesAwayError, SharedPurses

QUIET_S = 1.0
MOST_PURSES = 20_000

_log = structlog.get_logger(__name__)

Payer = tuple[UUID, Limits]
"""Whose purse it is, with its rate. Under other limits what was known and held under the old ones counts no more."""
Paced = Sequence[Payer]
"""All whose purses a call is paid from."""


class Pacer:
    """The purses as one process holds them."""

    def __init__(self, shared: SharedPurses) -> None:
        self._shared = shared
        self._slices: dict[Payer, float] = {}
        """What was taken and is not spent; below nothing what was let in and is not paid for yet."""
        self._rests: dict[Payer, Purse] = {}
        """What a purse had left when its last slice was taken, on this process's clock."""
        self._wanted: dict[Payer, int] = {}
        """Slices to take next, and how many calls wait for each."""
        self._asked: dict[Payer, int] = {}
        """The same for those on their way."""
        self._taking: asyncio.Task[None] | None = None
        self._seeking: asyncio.Task[None] | None = None
        self._alone = False
        self._quiet_until = 0.0

    async def open(self) -> None:
        """Reach Valkey before anybody waits for it."""
        await self._come_back()

    async def pay(self, paced: Paced, cost: int) -> float:
        """Let a call of `cost` items in, out of every purse, or say for how many seconds it has to wait; then nobody
        pays.
        """
        if len(self._rests) > MOST_PURSES:
            self._rests.clear()
            self._slices.clear()
        until = 0.0
        while not self._alone:
            wait = self._spend(paced, cost)
            if wait is not None:
                return wait
            taking = self._take(paced)
            present = time.monotonic()
            until = until or present + PATIENCE_S
            if present >= until:
                return self._lend(paced, cost)
            await asyncio.wait([taking], timeout=until - present)
        return self._pay_alone(paced, cost)

    async def close(self) -> None:
        self._wanted.clear()
        tasks = [task for task in (self._taking, self._seeking) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._shared.close()

    def _spend(self, paced: Paced, cost: int) -> float | None:
        """Pay out of slices at hand; None when a slice is missing and may be had."""
        missing = [whose for whose in paced if self._slices.get(whose, 0.0) < 1]
        if missing:
            at = time.monotonic()
            return max(find_wait(self._see(whose), whose[1], at) for whose in missing) or None
        for whose in paced:
            self._slices[whose] -= cost
        if any(self._slices[whose] < 0 for whose in paced):
            self._take(paced)  # The others should know of the debt before they spend what is not there.
        return 0.0

    def _lend(self, paced: Paced, cost: int) -> float:
        """Nothing is known against this call, and it has waited enough: the purses pay when they are reached."""
        for whose in paced:
            self._slices[whose] = self._slices.get(whose, 0.0) - cost
        return 0.0

    def _pay_alone(self, paced: Paced, cost: int) -> float:
        at = time.monotonic()
        self._seek(at)
        paid: dict[Payer, Purse] = {}
        for whose in paced:
            purse, wait = draw(self._see(whose), whose[1], cost, at)
            if wait > 0 or purse is None:
                return wait
            paid[whose] = purse
        self._rests |= paid
        self._slices |= dict.fromkeys(paid, 0.0)
        return 0.0

    def _see(self, whose: Payer) -> Purse:
        """A purse as far as this process can tell, what it holds of it included."""
        rest = self._rests.get(whose) or Purse(find_burst(whose[1]), time.monotonic())
        return Purse(rest.tokens + self._slices.get(whose, 0.0), rest.at)

    def _take(self, paced: Paced) -> "asyncio.Task[None]":
        """Slices for purses of which none is left, nor on its way; those that are missed meanwhile go together next."""
        for whose in paced:
            if whose not in self._asked and self._slices.get(whose, 0.0) < 1:
                self._wanted[whose] = self._wanted.get(whose, 0) + 1
        if self._taking is None:
            self._taking = asyncio.create_task(self._take_slices())
        return self._taking

    async def _take_slices(self) -> None:
        self._asked, self._wanted = self._wanted, {}
        carried = {whose: self._slices.pop(whose, 0.0) for whose in self._asked}
        try:
            slices = await self._shared.take([_ask(*whose, self._asked[whose], carried[whose]) for whose in carried])
        except PursesAwayError as error:
            self._go_alone(str(error))
            self._gain(carried)
        else:
            at = time.monotonic()
            self._rests |= {whose: Purse(one.left, at) for whose, one in zip(carried, slices, strict=True)}
            self._gain({whose: one.taken for whose, one in zip(carried, slices, strict=True)})
        finally:
            self._asked = {}
            self._taking = asyncio.create_task(self._take_slices()) if self._wanted else None

    def _gain(self, tokens: Mapping[Payer, float]) -> None:
        for whose, gained in tokens.items():
            self._slices[whose] = self._slices.get(whose, 0.0) + gained

    def _go_alone(self, error: str) -> None:
        self._alone = True
        self._wanted.clear()
        self._quiet_until = time.monotonic() + QUIET_S
        _log.warning("rates_kept_alone", error=error)

    def _seek(self, at: float) -> None:
        if at >= self._quiet_until and self._seeking is None:
            self._seeking = asyncio.create_task(self._come_back())

    async def _come_back(self) -> None:
        self._alone = not await self._shared.answers()
        self._quiet_until = time.monotonic() + QUIET_S
        self._seeking = None


def _ask(whose: UUID, limits: Limits, calls: int, carried: float) -> Ask:
    return Ask(str(whose), limits.items_per_s or 0, find_burst(limits), find_slice(limits, calls), carried)
