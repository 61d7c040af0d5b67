"""A moderation server in OpenAI's shape: scores texts by the words in them, and misbehaves as told."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.support.people import Json


@dataclass(slots=True)
class Moderations:
    """`replies` come first, `(status, body)` each, the last for ever; without any, texts are scored."""

    port: int = 0
    asked: list[Json] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    replies: list[tuple[int, bytes]] = field(default_factory=list)
    silent: bool = False
    """Reads and never answers."""
    before: Callable[[], Awaitable[None]] | None = None
    """What happens in the world while it thinks."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/moderations"

    @property
    def texts(self) -> list[str]:
        return [text for body in self.asked for text in body["input"]]

    def break_down(self, status: int = 500, body: bytes = b"{}") -> None:
        self.replies[:] = [(status, body)]

    def recover(self) -> None:
        self.replies.clear()
        self.silent = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            body: Json = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.asked.append(body)
            self.keys.append(headers.get("authorization"))
            if self.before is not None:
                await self.before()
            if self.silent:
                await reader.read()
            else:
                status, raw = self._reply(body)
                lines = f"HTTP/1.1 {status} Whatever\r\ncontent-length: {len(raw)}\r\nconnection: close\r\n\r\n"
                writer.write(lines.encode() + raw)
                await writer.drain()
        writer.close()

    def _reply(self, body: Json) -> tuple[int, bytes]:
        if self.replies:
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        results = [{"category_scores": {"harassment": 0.9 if "toxic" in text else 0.1}} for text in body["input"]]
        return 200, json.dumps({"id": "m", "model": "m", "results": results}).encode()


@asynccontextmanager
async def open_moderations() -> AsyncIterator[Moderations]:
    moderations = Moderations()
    server = await asyncio.start_server(moderations.serve, "127.0.0.1", 0)
    moderations.port = server.sockets[0].getsockname()[1]
    try:
        yield moderations
    finally:
        server.close()
