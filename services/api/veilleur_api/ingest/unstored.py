"""Noting deliveries that stored nothing, behind the answer's back: the refusal waits for nothing, floods leave little.

A source has a purse of notes for each outcome that fills slowly: an engineer sees every try, a flood leaves few rows.
All are written by one task over one connection, many at a time: the others are for those who send what is genuine.
"""

import asyncio
import time
from collections.abc import Sequence
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
MOST_WAITING = 200
MOST_PURSES = 10_000

_log = structlog.get_logger(__name__)


class UnstoredLog:
    """What one process notes."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._purses: dict[tuple[UUID, str], tuple[float, float]] = {}
        self._waiting: list[tuple[FoundSource, Unstored]] = []
        self._writing: asyncio.Task[None] | None = None

    def note_refused(self, source: FoundSource, delivery: Delivery, problem: Problem) -> None:
        if self._may_note(source, "refused"):
            why = (problem.slug, problem.detail, problem.errors, delivery.headers.get("webhook-id"))
            self._note(source, Unstored("refused", len(delivery.raw), list(delivery.headers), *why))

    def note_ignored(self, source: FoundSource, delivery: Delivery) -> None:
        if self._may_note(source, "ignored"):
            self._note(source, Unstored("ignored", len(delivery.raw), list(delivery.headers)))

    async def settle(self) -> None:
        """Wait for what is being written."""
        if self._writing is not None:
            await self._writing

    def _may_note(self, source: FoundSource, outcome: str) -> bool:
        return len(self._waiting) < MOST_WAITING and self._pay((source.source_id, outcome))

    def _note(self, source: FoundSource, unstored: Unstored) -> None:
        self._waiting.append((source, unstored))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write_all())

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

    async def _write_all(self) -> None:
        try:
            while self._waiting:
                agency_id = self._waiting[0][0].agency_id
                notes = [note for note in self._waiting if note[0].agency_id == agency_id]
                self._waiting = [note for note in self._waiting if note[0].agency_id != agency_id]
                await self._write(agency_id, notes)
        finally:
            self._writing = None

    async def _write(self, agency_id: UUID, notes: Sequence[tuple[FoundSource, Unstored]]) -> None:
        try:
            async with self._database.transaction(Scope(agency_id)) as session:
                for source, unstored in notes:
                    await note_unstored(session, source, unstored)
        except Exception as error:  # noqa: BLE001 - a note is worth less than the quiet of the process
            _log.warning("unstored_not_noted", agency_id=str(agency_id), error=type(error).__name__)
