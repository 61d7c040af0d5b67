"""Group commit: concurrent arrivals of one agency share one transaction and one fsync.

Each request waits for the fate of its own arrival. A group that fails is tried again one by one, so one bad row fails
alone; a sender that hangs up does not disturb the group it is in.
"""

import asyncio
from collections import Counter, deque
from uuid import UUID

from sqlalchemy.exc import DBAPIError

from veilleur.domain.intake.arrival import Arrival, Receipt
from veilleur.domain.intake.receive import Answer, receive_group
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.figures import INTAKE_ITEMS, INTAKE_SECONDS
from veilleur.kernel.errors import Unavailable
from veilleur.kernel.messages import msg

MAX_GROUP = 128
"""Arrivals a group; a bulk call counts as one and its items go along whole."""
MAX_ITEMS = 2_000
MAX_WAITING = 50_000
"""Items that wait for their commit in this process; beyond these it takes none: what waits here is memory."""
PATIENCE_S = 3.5
"""With a look-up's own, less than the 5 seconds within which every sender has an answer."""

Waiting = tuple[Arrival, "asyncio.Future[list[Receipt]]"]


class GroupCommit:
    """The intake of one process: at most one group an agency is under way at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queues: dict[UUID, deque[Waiting]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0

    async def submit(self, arrival: Arrival) -> list[Receipt]:
        """Store an arrival; returns after the commit, raises what refused it.

        A database that hangs ends in `Unavailable`: whether this arrival is stored is then unknown, its group goes on,
        and the sender's next try finds out.
        """
        if self._waiting + len(arrival.events) > MAX_WAITING:
            told = msg("Too much comes in at once; nothing of this was stored, send it again")
            raise Unavailable(told, retry_after=2)
        loop = asyncio.get_running_loop()
        fate: asyncio.Future[list[Receipt]] = loop.create_future()
        impatience = loop.call_later(PATIENCE_S, _give_up, fate)
        self._waiting += len(arrival.events)
        self._enqueue(arrival.source.agency_id, (arrival, fate))
        try:
            with INTAKE_SECONDS.time():
                receipts = await fate
        finally:
            self._waiting -= len(arrival.events)
            impatience.cancel()
        for status, count in Counter(receipt.status for receipt in receipts).items():
            INTAKE_ITEMS.labels(status).inc(count)
        return receipts

    def _enqueue(self, agency_id: UUID, waiting: Waiting) -> None:
        queue = self._queues.get(agency_id)
        if queue is not None:
            queue.append(waiting)
            return
        self._queues[agency_id] = deque([waiting])
        task = asyncio.create_task(self._drain(agency_id))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _drain(self, agency_id: UUID) -> None:
        queue = self._queues[agency_id]
        try:
            while group := _take_group(queue):
                await self._commit(agency_id, group)
        finally:
            del self._queues[agency_id]

    async def _commit(self, agency_id: UUID, group: list[Waiting]) -> None:
        try:
            answers = await self._store(agency_id, [arrival for arrival, _ in group])
        except DBAPIError as error:
            if len(group) > 1 and not error.connection_invalidated:
                for waiting in group:
                    await self._commit(agency_id, [waiting])
                return
            _settle_all(group, error)
        except Exception as error:  # noqa: BLE001 - whatever it is belongs to the requests that wait
            _settle_all(group, error)
        else:
            for (_, fate), answer in zip(group, answers, strict=True):
                _settle(fate, answer)

    async def _store(self, agency_id: UUID, arrivals: list[Arrival]) -> list[Answer]:
        async with self._database.transaction(Scope(agency_id)) as session:
            return await receive_group(session, agency_id, arrivals)


def _take_group(queue: deque[Waiting]) -> list[Waiting]:
    """The next ones that somebody still waits for: who was told to try again will come back."""
    group: list[Waiting] = []
    items = 0
    while queue and len(group) < MAX_GROUP and (not group or items + len(queue[0][0].events) <= MAX_ITEMS):
        waiting = queue.popleft()
        if not waiting[1].done():
            group.append(waiting)
            items += len(waiting[0].events)
    return group


def _give_up(fate: "asyncio.Future[list[Receipt]]") -> None:
    _settle(fate, Unavailable(msg("What you sent may or may not be stored; send the same again")))


def _settle(fate: "asyncio.Future[list[Receipt]]", answer: Answer | Exception) -> None:
    if fate.done():
        return
    if isinstance(answer, Exception):
        fate.set_exception(answer)
    else:
        fate.set_result(answer)


def _settle_all(group: list[Waiting], error: Exception) -> None:
    for _, fate in group:
        _settle(fate, error)
