"""A load generator that costs little: requests are bytes made beforehand, answers are read no further than needed.

It runs in a process of its own (`send_all`, `send_paced`), so that it shares no interpreter with what it measures.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import cast

import uvloop

CONNECTIONS = 48


@dataclass(slots=True)
class Sent:
    """What came of a load: seconds from the first byte to the last answer, and the answers by status."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)
    """Seconds from when a request was due to its answer."""

    def require(self, status: int) -> "Sent":
        """Fail the benchmark when anything else came back."""
        assert set(self.statuses) == {status}, self.statuses
        return self

    @property
    def per_second(self) -> float:
        return self.statuses.total() / self.seconds


def send_all(port: int, requests: Sequence[bytes], connections: int = CONNECTIONS) -> Sent:
    """All requests as fast as they are answered: each connection sends the next one after its answer."""
    return _in_process(port, requests, connections, _Pace())


def send_paced(port: int, requests: Sequence[bytes], per_second: float, connections: int = CONNECTIONS) -> Sent:
    """One request every `1 / per_second`, whatever the answers do, as long as a connection is free."""
    return _in_process(port, requests, connections, _Pace(per_second))


def flood(port: int, request: bytes, per_second: float, seconds: float, connections: int = CONNECTIONS) -> Sent:
    """One request again and again for so long, whenever its time has come and a connection is free.

    This and `send_here` run in the process that they are called in.
    """
    requests = [request] * int(per_second * seconds)
    return _run(port, requests, connections, _Pace(per_second, seconds))


def send_here(port: int, requests: Sequence[bytes], per_second: float, connections: int = CONNECTIONS) -> Sent:
    """As `send_paced`."""
    return _run(port, requests, connections, _Pace(per_second))


@dataclass(frozen=True, slots=True)
class _Pace:
    """How often something is sent, and after what time that ends, however much is left."""

    per_second: float | None = None
    seconds: float | None = None


def _in_process(port: int, requests: Sequence[bytes], connections: int, pace: _Pace) -> Sent:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(_run, port, requests, connections, pace).result()


def _run(port: int, requests: Sequence[bytes], connections: int, pace: _Pace) -> Sent:
    return uvloop.run(_send(port, requests, connections, pace))


async def _send(port: int, requests: Sequence[bytes], connections: int, pace: _Pace) -> Sent:
    loop = asyncio.get_running_loop()
    load = _Load(deque(requests), pace)
    made = [await loop.create_connection(lambda: _Connection(load), "127.0.0.1", port) for _ in range(connections)]
    began = load.begin()
    for _, protocol in made:
        protocol.send_next()
    await load.done
    sent = Sent(time.perf_counter() - began, load.statuses, load.took)
    for transport, _ in made:
        transport.close()
    return sent


class _Load:
    """What is left to send, and when."""

    def __init__(self, waiting: deque[bytes], pace: _Pace) -> None:
        self.waiting = waiting
        self.open = len(waiting)
        self.statuses: Counter[int] = Counter()
        self.took: list[float] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.paced = pace.per_second is not None
        self._seconds = pace.seconds
        self._gap = 1 / pace.per_second if pace.per_second else 0.0
        self._next_at = 0.0

    def begin(self) -> float:
        self._next_at = time.perf_counter()
        if self._seconds is not None:
            asyncio.get_running_loop().call_later(self._seconds, self._end)
        return self._next_at

    def reserve(self) -> float:
        """Take a turn; seconds to wait for it."""
        wait = self._next_at - time.perf_counter()
        self._next_at += self._gap
        return wait

    def count(self, status: int, took: float) -> None:
        self.statuses[status] += 1
        self.took.append(took)
        self.open -= 1
        if self.open == 0:
            self._end()

    def _end(self) -> None:
        self.waiting.clear()
        if not self.done.done():
            self.done.set_result(None)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._received = b""
        self._due_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._load.done.done():
            self._load.done.set_exception(exc or ConnectionError("the server hung up"))

    def send_next(self) -> None:
        if not self._load.waiting:
            return
        request = self._load.waiting.popleft()
        wait = self._load.reserve()
        self._due_at = time.perf_counter() + wait if self._load.paced else time.perf_counter()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, self._transport.write, request)
        else:
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        received = self._received + data if self._received else data
        head = received.find(b"\r\n\r\n")
        if head < 0 or len(received) < head + 4 + _content_length(received[:head]):
            self._received = received
            return
        self._received = b""
        self._load.count(int(received[9:12]), time.perf_counter() - self._due_at)
        self.send_next()


def _content_length(head: bytes) -> int:
    start = head.lower().find(b"content-length:")
    return int(head[start + 15 :].split(b"\r\n", 1)[0])
