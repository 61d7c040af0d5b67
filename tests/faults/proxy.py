"""A TCP proxy before PostgreSQL that cuts connections around a COMMIT: the sender can't know what became of it.

It speaks no more of the protocol than the one frame it looks for: asyncpg ends a transaction with the simple query
`COMMIT;`, whose bytes stand in no other message.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from typing import Literal, Self

Cut = Literal["no", "before", "unanswered"]
"""`before`: the COMMIT never arrives. `unanswered`: it is done, and its confirmation never arrives."""

COMMIT = b"Q\x00\x00\x00\x0cCOMMIT;\x00"


class CuttingProxy:
    """Listens on 127.0.0.1 as long as the block lasts; asks `choose` at every COMMIT what to do."""

    def __init__(self, host: str, port: int, choose: Callable[[], Cut]) -> None:
        self._target = (host, port)
        self._choose = choose
        self._server: asyncio.Server | None = None
        self.cuts: Counter[Cut] = Counter()

    @property
    def port(self) -> int:
        assert self._server is not None
        number: int = self._server.sockets[0].getsockname()[1]
        return number

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.transport.abort()
            return
        back = asyncio.create_task(_copy(server_reader, writer))
        try:
            with suppress(ConnectionError):
                while piece := await reader.read(65_536):
                    cut: Cut = self._choose() if COMMIT in piece else "no"
                    if cut != "no":
                        self.cuts[cut] += 1
                        if cut == "unanswered":
                            back.cancel()
                            await asyncio.wait([back])
                            server_writer.write(piece)
                            await server_reader.read(1)  # the server has answered, so the commit is done
                        return
                    server_writer.write(piece)
                    await server_writer.drain()
        finally:
            back.cancel()
            for each in (server_writer, writer):
                each.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while piece := await reader.read(65_536):
            writer.write(piece)
            await writer.drain()
    writer.close()
