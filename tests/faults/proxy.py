"""A TCP proxy before PostgreSQL that is slow, silent, or cuts connections around a COMMIT: nobody knows what became of it.

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
    """Listens on 127.0.0.1 as long as the block lasts."""

    def __init__(
        self, host: str, port: int, choose: Callable[[], Cut] = lambda: "no", lag: Callable[[], float] = lambda: 0.0
    ) -> None:
        """`choose` is asked at every COMMIT what to do, `lag` how many seconds each piece of either side takes."""
        self._target = (host, port)
        self._choose = choose
        self._lag = lag
        self.passing = asyncio.Event()
        """While it is not set, nothing passes and nothing is closed: a network that swallows everything."""
        self.passing.set()
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
        back = asyncio.create_task(self._copy(server_reader, writer))
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
                    await self._hold_up()
                    server_writer.write(piece)
                    await server_writer.drain()
        finally:
            back.cancel()
            for each in (server_writer, writer):
                each.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while piece := await reader.read(65_536):
                await self._hold_up()
                writer.write(piece)
                await writer.drain()
        writer.close()

    async def _hold_up(self) -> None:
        await self.passing.wait()
        if seconds := self._lag():
            await asyncio.sleep(seconds)
