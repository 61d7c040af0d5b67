"""The gate of intake: rates, quotas and backlogs are looked at before anything is stored, and counted after.

Limits keep one sender from taking what belongs to all; they are no bills. So a process knows them as they were some
seconds ago, adds its counts every two seconds, and lets everybody in when it can't know. A platform that can't be told
to wait (its own webhooks come once, or its subscription is taken away after refusals) is never told: what it sends
beyond a quota is taken and marked.
"""

import asyncio
import random
import time
from collections.abc import Coroutine, Sequence
from datetime import date
from uuid import UUID

import structlog

from veilleur.domain.intake.arrival import Arrival, Receipt
from veilleur.domain.intake.backlog import count_backlog
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.domain.tenancy.quota import (
    Limits,
    Use,
    find_backlog_wait,
    find_period_end,
    find_today,
    find_used_up,
    round_wait,
)
from veilleur.domain.tenancy.set_quota import Standing, count_use, load_standing
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.kept import Kept
from veilleur.kernel.clock import now
from veilleur.kernel.errors import TooMany
from veilleur.kernel.messages import Message, msg
from veilleur_api.ingest.group_commit import GroupCommit
from veilleur_api.ingest.pacing import Pacer

COUNT_EVERY_S = 2.0
LOOK_EVERY_S = 1.0
SHARE_OF_LOOKING = 0.1
"""At most this part of the time is spent on counting a backlog: a long look is followed by a long rest."""
PATIENCE_S = 0.3
MOST_KEPT = 20_000

_log = structlog.get_logger(__name__)

_Key = tuple[UUID, UUID, date]


class IntakeGate:
    """The gate as one process keeps it."""

    def __init__(self, database: Database, intake: GroupCommit, pacer: Pacer, backlog_cap: int) -> None:
        self._database = database
        self._intake = intake
        self._pacer = pacer
        self._cap = backlog_cap
        self._standings: Kept[_Key, Standing] = Kept(self._load)
        self._sent: dict[_Key, list[int]] = {}
        """Items and those beyond a quota that are not written down yet."""
        self._since: dict[_Key, int] = {}
        """Items since the standing at hand was read."""
        self._backlogs: dict[UUID, tuple[float, dict[UUID, int]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._counting = False

    async def open(self) -> None:
        await self._pacer.open()

    async def take_in(self, arrival: Arrival) -> list[Receipt]:
        """Store an arrival, or raise `TooMany`."""
        source = arrival.source
        key = (source.agency_id, source.client_id, find_today(now(), source.time_zone))
        patient = not PLATFORMS[source.kind].forgiving
        standing = await self._read(key)
        refusal = self._judge(arrival, key, standing) or await self._charge(arrival, standing)
        if refusal is not None and patient:
            detail, seconds = refusal
            raise TooMany(detail, retry_after=round_wait(seconds, random.random()))  # noqa: S311 - spreads callers
        receipts = await self._intake.submit(arrival)
        self._note(key, receipts, beyond=refusal is not None)
        return receipts

    def forget(self) -> None:
        """Look at everything anew."""
        self._standings.clear()
        self._backlogs.clear()

    async def settle(self) -> None:
        """Write down what was counted."""
        await self._count()
        await asyncio.gather(*self._tasks)

    async def close(self) -> None:
        await self.settle()
        await self._pacer.close()

    def _judge(self, arrival: Arrival, key: _Key, standing: Standing) -> tuple[Message, float] | None:
        """Why this arrival should wait, and for how long, whatever its rate."""
        source = arrival.source
        sent = self._since.get(key, 0)
        for limits, use in (
            (standing.client, standing.client_use.add(sent)),
            (standing.agency, standing.agency_use.add(sent)),
        ):
            refusal = _judge_use(limits, use, source.time_zone)
            if refusal is not None:
                return refusal
        wait = find_backlog_wait(self._see_backlog(source.agency_id), source.client_id, self._cap)
        if wait > 0:
            return msg("Too much of yours waits to be screened; slow down"), wait
        return None

    async def _charge(self, arrival: Arrival, standing: Standing) -> tuple[Message, float] | None:
        """The same for its rate, and only who is let in pays."""
        source = arrival.source
        limits = ((source.client_id, standing.client), (source.agency_id, standing.agency))
        paced = [one for one in limits if one[1].items_per_s is not None]
        wait = await self._pacer.pay(paced, len(arrival.events)) if paced else 0.0
        return (msg("You send faster than the agreed rate; slow down"), wait) if wait > 0 else None

    async def _read(self, key: _Key) -> Standing:
        """A database that hangs makes nobody wait here: without limits everybody is let in."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._standings.get(key) or Standing()
        except Exception as error:  # noqa: BLE001 - whatever it is, intake has its own answer to it
            _log.warning("quota_not_read", error=type(error).__name__)
            return Standing()

    async def _load(self, key: _Key) -> Standing:
        agency_id, client_id, today = key
        async with self._database.transaction(Scope(agency_id)) as session:
            standing = await load_standing(session, agency_id, client_id, today)
        self._since[key] = self._sent.get(key, [0])[0]
        return standing

    def _note(self, key: _Key, receipts: Sequence[Receipt], *, beyond: bool) -> None:
        items = sum(receipt.status == "accepted" for receipt in receipts)
        if not items:
            return
        sent = self._sent.setdefault(key, [0, 0])
        sent[0] += items
        sent[1] += items if beyond else 0
        self._since[key] = self._since.get(key, 0) + items
        if not self._counting:
            self._counting = True
            self._start(self._count_later())

    async def _count_later(self) -> None:
        await asyncio.sleep(COUNT_EVERY_S)
        await self._count()

    async def _count(self) -> None:
        """What can't be written now is written with the next."""
        self._counting = False
        sent, self._sent = self._sent, {}
        for agency_id in {agency_id for agency_id, _, _ in sent}:
            mine = {key: counts for key, counts in sent.items() if key[0] == agency_id}
            try:
                async with self._database.transaction(Scope(agency_id)) as session:
                    counts = {(client_id, day): (n[0], n[1]) for (_, client_id, day), n in mine.items()}
                    await count_use(session, agency_id, counts)
            except Exception as error:  # noqa: BLE001 - a count is worth less than the quiet of the process
                _log.warning("quota_use_not_counted", error=type(error).__name__)
                for key, (items, beyond) in mine.items():
                    kept = self._sent.setdefault(key, [0, 0])
                    kept[0] += items
                    kept[1] += beyond
        if len(self._since) > MOST_KEPT:
            self._since.clear()

    def _see_backlog(self, agency_id: UUID) -> dict[UUID, int]:
        """As it was at the last look; the next one goes on behind the caller's back."""
        until, backlog = self._backlogs.get(agency_id, (0.0, {}))
        if time.monotonic() >= until:
            self._backlogs[agency_id] = (time.monotonic() + LOOK_EVERY_S, backlog)
            self._start(self._look(agency_id))
        return backlog

    async def _look(self, agency_id: UUID) -> None:
        began = time.monotonic()
        try:
            async with self._database.transaction(Scope(agency_id)) as session:
                backlog = await count_backlog(session, agency_id, 5 * self._cap)
        except Exception as error:  # noqa: BLE001 - the next look may find it
            _log.warning("backlog_not_seen", error=type(error).__name__)
            return
        rest = max(LOOK_EVERY_S, (time.monotonic() - began) / SHARE_OF_LOOKING)
        if len(self._backlogs) > MOST_KEPT:
            self._backlogs.clear()
        self._backlogs[agency_id] = (time.monotonic() + rest, backlog)

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _judge_use(limits: Limits, use: Use, zone: str) -> tuple[Message, float] | None:
    period = find_used_up(limits, use)
    if period is None:
        return None
    present = now()
    left = (find_period_end(period, present, zone) - present).total_seconds()
    if period == "day":
        return msg("The quota of this day is used up"), left
    return msg("The quota of this month is used up"), left
