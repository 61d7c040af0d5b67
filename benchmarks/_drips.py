"""Slow sockets: `_drips.py <port> <sockets> <seconds>` keeps that many open, and each says a byte a second.

A third never ends its head, a third never ends its body, a third says nothing at all. Whoever is closed comes back at
once. Prints how many were closed and after how many seconds at the latest.
"""

import asyncio
import random
import sys
import time
from contextlib import suppress

import uvloop

HEAD = b"POST /ingest/v1/sources/src_0 HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
KINDS = ((HEAD, b"x-a: b\r\n"), (HEAD + b"content-length: 100000\r\n\r\n", b"a"), (b"", b""))
EVERY_S = 1.0
SPREAD_S = 5.0
"""They don't come, speak and go in step: what is measured is their number, not a burst."""


async def drip(port: int, kind: int, until: float) -> list[float]:
    """Seconds until each of its connections was closed."""
    head, dripped = KINDS[kind % len(KINDS)]
    lived = []
    await asyncio.sleep(random.uniform(0, SPREAD_S))
    while time.monotonic() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()
        writer.write(head)
        sending = asyncio.create_task(_go_on(writer, dripped))
        with suppress(ConnectionError):
            await reader.read()
        lived.append(time.monotonic() - began)
        sending.cancel()
        writer.close()
    return lived


async def _go_on(writer: asyncio.StreamWriter, dripped: bytes) -> None:
    for byte in dripped * 10_000:
        await asyncio.sleep(EVERY_S)
        writer.write(bytes([byte]))


async def main(port: int, sockets: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    lived = [one for life in await asyncio.gather(*(drip(port, n, until) for n in range(sockets))) for one in life]
    print(f"{len(lived)} {max(lived):.2f}")


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
