"""A mail server on this machine that takes what it is told to, and keeps it."""

import asyncio
import email
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import policy
from email.message import EmailMessage

import pytest
from pydantic import SecretStr

from tests.support.world import World


class Post:
    def __init__(self) -> None:
        self.verdict = b"250 taken"
        self.mails: list[bytes] = []
        self.recipients: list[bytes] = []

    def read(self, number: int = -1) -> EmailMessage:
        return email.message_from_bytes(self.mails[number], policy=policy.default)  # type: ignore[return-value]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 here\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"DATA"):
                writer.write(b"354 go on\r\n")
                self.mails.append((await reader.readuntil(b"\r\n.\r\n"))[:-3])
                writer.write(self.verdict + b"\r\n")
            else:
                if line.upper().startswith(b"RCPT"):
                    self.recipients.append(line.strip())
                writer.write(b"221 bye\r\n" if line.upper().startswith(b"QUIT") else b"250 fine\r\n")
        writer.close()


@asynccontextmanager
async def open_post(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Post]:
    """The mail server of both services."""
    post = Post()
    async with await asyncio.start_server(post.serve, "127.0.0.1", 0, limit=2**24) as server:
        url = SecretStr(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        for settings in (world.parts.settings, world.worker.settings):
            monkeypatch.setattr(settings, "smtp_url", url)
        yield post
