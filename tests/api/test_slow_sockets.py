"""Sockets that take their time are closed, and honest callers do not notice them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import uvicorn

from veilleur_api.patience import PatientProtocol

HEAD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n"
GOOD = b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nhello"


class Hasty(PatientProtocol):
    head_s = 0.4
    body_s = 0.6
    slowest_body = 10_000


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the length of the body, after a pause that the path names."""
    size, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size, more = size + len(message["body"]), message["more_body"]
    await asyncio.sleep(float(scope["path"].strip("/") or 0))
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(str(size)))]})
    await send({"type": "http.response.body", "body": str(size).encode()})


@asynccontextmanager
async def serve(protocol: type[PatientProtocol]) -> AsyncIterator[int]:
    config = uvicorn.Config(echo, port=0, log_level="critical", lifespan="off", http=protocol, ws="none")
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign,assignment]
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - short, and in tests only
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serve(Hasty) as port:
        yield port


async def drip(port: int, head: bytes, dripped: bytes, every_s: float = 0.05) -> tuple[float, bytes]:
    """Send a head, then a byte now and then; after how many seconds it was over, and what was said."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    writer.write(head)

    async def send() -> None:
        with contextlib.suppress(ConnectionError):
            for byte in dripped * 1_000:
                await asyncio.sleep(every_s)
                writer.write(bytes([byte]))
                await writer.drain()

    sending = asyncio.create_task(send())
    said = b""
    with contextlib.suppress(ConnectionError):
        async with asyncio.timeout(10):
            said = await reader.read()
    took = time.monotonic() - began
    sending.cancel()
    writer.close()
    return took, said


async def ask(port: int, request: bytes = GOOD) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request + b"")
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        body = await reader.readexactly(size)
    writer.close()
    return head.split(b"\r\n")[0] + b" " + body


SLOW: dict[str, Callable[[int], Awaitable[tuple[float, bytes]]]] = {
    "silent": lambda port: drip(port, b"", b""),
    "headers": lambda port: drip(port, b"GET / HTTP/1.1\r\n", b"x-a: b\r\n"),
    "one long header": lambda port: drip(port, b"GET / HTTP/1.1\r\nx-a: ", b"aaaaaaaa"),
    "the first line": lambda port: drip(port, b"GET /", b"aaaaaaaa"),
    "empty lines": lambda port: drip(port, b"", b"\r\n"),
    "a body": lambda port: drip(port, HEAD, b"a", every_s=0.2),
    "no body": lambda port: drip(port, HEAD, b""),
    "a chunked body": lambda port: drip(
        port, b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\na\r\n", every_s=0.1
    ),
    "after a good one": lambda port: drip(port, GOOD + b"GET /", b"aaaa"),
    "empty lines after a good one": lambda port: drip(port, GOOD, b"\r\n"),
}


@pytest.mark.parametrize("kind", SLOW)
async def test_whoever_takes_too_long_is_closed(port: int, kind: str):
    took, said = await SLOW[kind](port)
    assert took < 2.0
    assert said.rpartition(b"HTTP/1.1 ")[2].startswith((b"408", b"200")), said


async def test_three_hundred_slow_sockets_are_closed_and_honest_callers_are_served(port: int):
    slow = [asyncio.create_task(SLOW[kind](port)) for kind in list(SLOW) * 30]
    await asyncio.sleep(0.1)
    for _ in range(20):
        answers = await asyncio.gather(*(ask(port) for _ in range(5)))
        assert answers == [b"HTTP/1.1 200 OK 5"] * 5
    assert max(took for took, _ in await asyncio.gather(*slow)) < 4.0


@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nx: " + b"a" * 40_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 40_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"x-%d: a\r\n" % number for number in range(101)) + b"\r\n",
        b"POST / HTTP/1.1\r\nx: " + b"a" * 40_000 + b"\r\ncontent-length: 5\r\n\r\nhello",
    ],
)
async def test_a_head_that_is_too_large_is_refused(port: int, head: bytes):
    _, said = await drip(port, head, b"")
    assert said.startswith(b"HTTP/1.1 431 "), said[:80]


async def test_a_head_that_goes_on_and_on_is_cut_off(port: int):
    """What we don't read any more is answered by the system: the connection is reset."""
    took, said = await drip(port, b"GET / HTTP/1.1\r\nx: " + b"a" * 400_000, b"")
    assert took < 0.3
    assert said == b"" or said.startswith(b"HTTP/1.1 431 ")


async def test_a_head_of_a_good_size_is_read(port: int):
    fields = b"".join(b"x-%d: %s\r\n" % (number, b"a" * 200) for number in range(90))
    assert await ask(port, b"POST / HTTP/1.1\r\n" + fields + b"content-length: 5\r\n\r\nhello") == b"HTTP/1.1 200 OK 5"


async def test_a_large_body_that_keeps_up_is_read(port: int):
    """Longer than the grace, and faster than the slowest that is waited for."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 30000\r\n\r\n")
    for _ in range(30):
        writer.write(b"a" * 1_000)
        await writer.drain()
        await asyncio.sleep(0.04)
    async with asyncio.timeout(5):
        assert await reader.readuntil(b"30000")
    writer.close()


async def test_an_answer_that_takes_long_is_nobodys_slowness(port: int):
    """Long-polls wait for us; so do requests that stand in line behind them."""
    waiting = GOOD.replace(b"POST /", b"POST /1.2")
    assert await ask(port, waiting) == b"HTTP/1.1 200 OK 5"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(waiting + GOOD)
    async with asyncio.timeout(5):
        for _ in range(2):
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert await reader.readexactly(1) == b"5"
    writer.close()


def test_the_api_is_served_with_these_deadlines():
    assert (PatientProtocol.head_s, PatientProtocol.body_s) == (5.0, 15.0)
