"""A platform's picture host: serves what it is given, and counts who asked."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO

from PIL import Image


@dataclass(slots=True)
class PictureHost:
    files: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Path → status and body; 404 for what is not there."""
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def put(self, path: str, body: bytes, status: int = 200) -> str:
        self.files[path] = (status, body)
        return f"http://127.0.0.1:{self.port}{path}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            path = head.split(" ")[1]
            self.asked.append(path)
            status, body = self.files.get(path, (404, b""))
            writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n".encode())
            writer.write(body)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def open_picture_host() -> AsyncIterator[PictureHost]:
    host = PictureHost()
    server = await asyncio.start_server(host.serve, "127.0.0.1", 0)
    host.port = server.sockets[0].getsockname()[1]
    try:
        yield host
    finally:
        server.close()


def draw(width: int = 64, height: int = 48, kind: str = "PNG", mode: str = "RGB") -> bytes:
    """A checkerboard: sharp edges everywhere."""
    image = Image.new(mode, (width, height), "white")
    image.paste("black", (0, 0, width // 2, height // 2))
    written = BytesIO()
    image.save(written, kind)
    return written.getvalue()
