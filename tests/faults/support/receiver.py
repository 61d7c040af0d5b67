"""The clients' side of callbacks: a local server that keeps every one of them by its webhook-id."""

import asyncio
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from tests.faults.support.installation import wait_until
from tests.support.people import Client, unique
from veilleur.infra.security.standard_webhooks import parse_webhook_secret, verify_webhook
from veilleur.kernel.clock import now
from veilleur.kernel.errors import Unauthenticated


@dataclass(slots=True)
class Endpoint:
    """One client's address. While `answering` is not set, callbacks arrive and get no answer."""

    secret: bytes = b""
    bodies: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    complaints: list[str] = field(default_factory=list)
    answering: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def calls(self) -> int:
        return sum(map(len, self.bodies.values()))


class Receiver:
    def __init__(self) -> None:
        self._endpoints: dict[str, Endpoint] = {}
        self._server: asyncio.Server | None = None
        self._callers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for caller in self._callers:
            caller.transport.abort()
        await wait_until(lambda: not self._callers, "the callers to be gone")

    async def open_endpoint(self, client: Client) -> Endpoint:
        """An endpoint of `client` that leads here."""
        assert self._server is not None
        path = f"/{unique('callbacks')}"
        endpoint = self._endpoints[path] = Endpoint()
        endpoint.answering.set()
        made = await client.add_endpoint(f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}{path}")
        endpoint.secret = parse_webhook_secret(made["secret"], "")
        return endpoint

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._callers.add(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                request, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().strip().split("\r\n")
                headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
                body = await reader.readexactly(int(headers["content-length"]))
                endpoint = self._endpoints[request.split()[1]]
                _take(endpoint, headers, body)
                await endpoint.answering.wait()
                writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
                await writer.drain()
        writer.close()
        self._callers.discard(writer)


def _take(endpoint: Endpoint, headers: dict[str, str], body: bytes) -> None:
    try:
        webhook_id = verify_webhook(body, headers, [endpoint.secret], now())
    except Unauthenticated as error:
        endpoint.complaints.append(str(error))
    else:
        endpoint.bodies[webhook_id].append(body)
