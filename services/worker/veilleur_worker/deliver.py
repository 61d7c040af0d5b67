"""Sending an agency's callbacks: leased in batches, sent each on its own, recorded in groups.

A group is what has been answered while the one before was being recorded, so the database is asked less often the
more there is to do. A receiver that hangs holds its own calls and nobody else's.
"""

import asyncio
import random
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from veilleur.domain.delivery.attempt import Attempt
from veilleur.domain.delivery.begin import begin_attempts
from veilleur.domain.delivery.finish import Outcome, finish_attempts
from veilleur.infra import figures
from veilleur.infra.db.session import Scope
from veilleur_worker.parts import Parts
from veilleur_worker.send import send

SEND_BATCH = 50
MOST_IN_AIR = 300
"""Calls of this process at once, of all agencies."""
LINGER_S = 0.01
"""How long answers wait for others, to be recorded together."""
PATIENCE_S = 1.0
"""How long a drain waits for what it has sent before it calls itself done."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Line:
    """One agency's callbacks in this process."""

    in_air: set[asyncio.Task[None]] = field(default_factory=set)
    answered: list[tuple[Outcome, asyncio.Future[str]]] = field(default_factory=list)
    taking: asyncio.Task[Exception | None] | None = None
    asked_again: bool = False
    recording: asyncio.Task[None] | None = None


_lines: dict[UUID, _Line] = {}


async def drain_deliveries(parts: Parts, agency_id: UUID) -> None:
    """Send what is due, and stay a while for the answers."""
    line = _lines.setdefault(agency_id, _Line())
    while True:
        failure = await asyncio.shield(_ask_for_more(parts, agency_id, line))
        if failure is not None:
            raise failure
        if not line.in_air:
            return
        while line.in_air:
            done, _ = await asyncio.wait(line.in_air, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
            if not done:
                return


def look_again(parts: Parts, agency_id: UUID) -> None:
    """Somebody rang while the drain waits for answers: what came in meanwhile is sent now."""
    _ask_for_more(parts, agency_id, _lines.setdefault(agency_id, _Line()))


async def finish_deliveries() -> None:
    """Wait for what is in the air: cut off, it would be sent once more, a lease later."""
    await asyncio.gather(*(task for line in _lines.values() for task in line.in_air), return_exceptions=True)


def _ask_for_more(parts: Parts, agency_id: UUID, line: _Line) -> asyncio.Task[Exception | None]:
    """Begin all that may begin. One at a time for an agency; whoever asks meanwhile makes it look once more."""
    line.asked_again = True
    if line.taking is None:
        line.taking = asyncio.create_task(_take(parts, agency_id, line))
    return line.taking


async def _take(parts: Parts, agency_id: UUID, line: _Line) -> Exception | None:
    """What went wrong, for whoever asked: the sweep comes back in a second."""
    try:
        while line.asked_again and not parts.stopping.is_set():
            line.asked_again = False
            room = await _find_room()
            async with parts.database.transaction(Scope(agency_id)) as session:
                attempts = await begin_attempts(session, agency_id, room)
            for attempt in attempts:
                task = asyncio.create_task(_deliver(parts, agency_id, line, attempt))
                line.in_air.add(task)
                task.add_done_callback(line.in_air.discard)
            line.asked_again = line.asked_again or bool(attempts)
    except Exception as error:  # noqa: BLE001 - handed to whoever waits for it
        return error
    finally:
        line.taking = None
    return None


async def _find_room() -> int:
    """How many more calls this process may make; waits until it is one at least."""
    while (room := MOST_IN_AIR - sum(len(line.in_air) for line in _lines.values())) <= 0:
        in_air = [task for line in _lines.values() for task in line.in_air]
        await asyncio.wait(in_air, return_when=asyncio.FIRST_COMPLETED)
    return min(SEND_BATCH, room)


async def _deliver(parts: Parts, agency_id: UUID, line: _Line, attempt: Attempt) -> None:
    try:
        result = await send(parts, agency_id, attempt)
        recorded: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        line.answered.append((Outcome(attempt, result, random.random()), recorded))  # noqa: S311
        if line.recording is None:
            line.recording = asyncio.create_task(_record(parts, agency_id, line))
        state = await recorded
    except Exception as error:  # noqa: BLE001 - it is sent again when its lease ends
        _log.error("delivery_failed", delivery_id=str(attempt.delivery_id), error=type(error).__name__)
        return
    figures.DELIVERIES.labels("later" if state == "pending" else state).inc()
    if state == "dead":
        _log.warning(
            "delivery_given_up", delivery_id=str(attempt.delivery_id), status=result.status, error=result.error
        )


async def _record(parts: Parts, agency_id: UUID, line: _Line) -> None:
    """Record what was answered, group after group, and fill the room that this makes."""
    try:
        while line.answered:
            if len(line.answered) * 2 < len(line.in_air):
                await asyncio.sleep(LINGER_S)
            group, line.answered = line.answered, []
            await _record_group(parts, agency_id, group)
            _ask_for_more(parts, agency_id, line)
            await asyncio.sleep(0)
    finally:
        line.recording = None


async def _record_group(parts: Parts, agency_id: UUID, group: list[tuple[Outcome, asyncio.Future[str]]]) -> None:
    try:
        async with parts.database.transaction(Scope(agency_id)) as session:
            states = await finish_attempts(session, agency_id, [outcome for outcome, _ in group])
    except Exception as error:  # noqa: BLE001 - whoever sent it says so
        for _, recorded in group:
            if not recorded.done():
                recorded.set_exception(error)
        return
    for (_, recorded), state in zip(group, states, strict=True):
        if not recorded.done():
            recorded.set_result(state)
