"""The receivers of callbacks: `_sink.py <port> <mute port>` answers 204 on one and never a word on the other."""

import asyncio
import sys

import uvloop

ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"


class Sink(asyncio.Protocol):
    """Reads no further than it must: it shall cost as little as can be."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            start = head.index(b"content-length:") + 15
            length = int(head[start:].split(b"\r\n", 1)[0])
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            self._transport.write(ANSWER)


class Mute(asyncio.Protocol):
    """Takes everything in and says nothing."""


async def serve(port: int, mute_port: int) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_server(Mute, "127.0.0.1", mute_port)
    server = await loop.create_server(Sink, "127.0.0.1", port, backlog=1_000)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]), int(sys.argv[2])))
