"""Noting deliveries that stored nothing, behind the answer's back: the refusal waits for nothing, floods leave little.

A source has a purse of notes for each outcome that fills slowly: an engineer sees every try, a flood leaves few rows.
"""

import asyncio
import time
from uuid import UUID

import structlog

from veilleur.domain.intake.note_unstored import Unstored, note_unstored
from veilleur.domain.intake.sources.protocol import Delivery
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.infra.db.session import Database, Scope
from veilleur.kernel.errors import Problem

PURSE = 60
REFILL_S = 60.0
"""How many notes a source may have at once, and how long until one more is allowed."""
MOST_UNDER_WAY = 20
MOST_PURSES = 10_000

_log = structlog.get_logger(__name__)


class UnstoredLog:
    """What one process notes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._purses: dict[tuple[UUID, str], tuple[float, float]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def note_refused(self, source: FoundSource, delivery: Delivery, problem: Problem) -> None:
        named = delivery.headers.get("webhook-id")
        why = (problem.slug, problem.detail, problem.errors, named)
        self._note(source, Unstored("refused", len(delivery.raw), list(delivery.headers), *why))

    def note_ignored(self, source: FoundSource, delivery: Delivery) -> None:
        self._note(source, Unstored("ignored", len(delivery.raw), list(delivery.headers)))

    async def settle(self) -> None:
        """Wait for what is being written."""
        await asyncio.gather(*self._tasks)

    def _note(self, source: FoundSource, unstored: Unstored) -> None:
        if len(self._tasks) >= MOST_UNDER_WAY or not self._pay((source.source_id, unstored.outcome)):
            return
        task = asyncio.create_task(self._write(source, unstored))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _pay(self, purse: tuple[UUID, str]) -> bool:
        present = time.monotonic()
        left, since = self._purses.get(purse, (PURSE, present))
        left = min(PURSE, left + (present - since) / REFILL_S)
        if left < 1:
            return False
        if len(self._purses) >= MOST_PURSES:
            self._purses.clear()
        self._purses[purse] = (left - 1, present)
        return True

    async def _write(self, source: FoundSource, unstored: Unstored) -> None:
        try:
            async with self._database.transaction(Scope(source.agency_id)) as session:
                await note_unstored(session, source, unstored)
        except Exception as error:  # noqa: BLE001 - a note is worth less than the quiet of the process
            _log.warning("unstored_not_noted", source_id=str(source.source_id), error=type(error).__name__)
