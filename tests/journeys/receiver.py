"""A client's own server: takes callbacks over real HTTP and proves their signatures with nothing of ours."""

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Callback:
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> dict[str, Any]:
        return json.loads(self.raw)

    def is_signed_with(self, secret: str) -> bool:
        """Standard Webhooks 1.0.0, from the specification: HMAC-SHA256 over `id.timestamp.body`."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        signed = f"{self.headers['webhook-id']}.{self.headers['webhook-timestamp']}.".encode() + self.raw
        expected = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        return expected in self.headers["webhook-signature"].split(" ")


@dataclass
class Receiver:
    url: str = ""
    callbacks: list[Callback] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    """What to answer next, in order; 204 when there is nothing left."""

    def of_type(self, event_type: str) -> list[dict[str, Any]]:
        """The `data` of what came, one a webhook-id, in the order of arrival."""
        fresh = {callback.headers["webhook-id"]: callback.body for callback in self.callbacks}
        return [body["data"] for body in fresh.values() if body["type"] == event_type]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
        raw = await reader.readexactly(int(headers["content-length"]))
        self.callbacks.append(Callback(headers, raw))
        status = self.statuses.pop(0) if self.statuses else 204
        writer.write(f"HTTP/1.1 {status} X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def open_receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
    try:
        yield receiver
    finally:
        server.close()
        await server.wait_closed()
