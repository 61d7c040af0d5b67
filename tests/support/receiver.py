"""A client's own server: keeps what it is sent and answers as told."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.people import Json


@dataclass(frozen=True, slots=True)
class Call:
    headers: dict[str, str]
    raw: bytes
    path: str = "/hook"

    @property
    def body(self) -> Json:
        parsed: Json = json.loads(self.raw)
        return parsed

    def is_signed_with(self, secret: str) -> bool:
        """Standard Webhooks, worked out here from the text of its specification."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.raw
        expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{expected}" in self.headers["webhook-signature"].split(" ")


@dataclass(slots=True)
class Receiver:
    host: str = "127.0.0.1"
    replies: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers to come, the last of them for ever; 200 when there are none."""
    calls: list[Call] = field(default_factory=list)
    connections: int = 0
    silent: bool = False
    """Reads and never answers."""
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}/hook"

    def answer(self, *statuses: int, **headers: str) -> None:
        self.replies[:] = [(status, headers) for status in statuses]

    async def wait_for(self, count: int, seconds: float = 5) -> None:
        async with asyncio.timeout(seconds):
            while len(self.calls) < count:  # noqa: ASYNC110 - short, and in tests only
                await asyncio.sleep(0.01)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            raw = await reader.readexactly(int(headers["content-length"]))
            self.calls.append(Call(headers, raw, head[0].split(" ")[1]))
            if self.silent:
                await reader.read()
            else:
                status, more = self.replies.pop(0) if len(self.replies) > 1 else (self.replies or [(200, {})])[0]
                lines = [f"HTTP/1.1 {status} Whatever", "content-length: 0", "connection: close"]
                lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
                writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
                await writer.drain()
        writer.close()


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, receiver.host, 0)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()


@asynccontextmanager
async def open_mute_server() -> AsyncIterator[int]:
    """The port of a server that accepts and never says a word."""
    writers: list[asyncio.StreamWriter] = []

    async def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
