"""Platforms as their documents describe them, each with a little state, and a local server that speaks for them.

A fake answers one request at a time; the server puts it on a real wire. What is not as documented (another method, path,
header or body) is answered as the platform would, and told by the tests.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx

from tests.support.people import Json
from tests.support.world import World
from veilleur.infra.outbound.egress import EgressPolicy
from veilleur.infra.outbound.http import Call, Reply, build_client


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    host: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.raw) if self.raw else None

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.raw.decode()))

    @property
    def line(self) -> str:
        return f"{self.method} {self.host}{self.path}"


Answer = tuple[int, Any, dict[str, str]]


def answer(status: int, document: Any = None, **headers: str) -> Answer:
    return status, document, {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass
class Site:
    """What the outside world is: one handler for every host; `asked` is all that was asked."""

    handle: Callable[[Asked], Answer] = field(default=lambda _: answer(204))
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    silent: bool = False
    """Takes what is asked, carries it out, and never answers."""
    answering: asyncio.Event | None = None
    """What has to happen before it answers."""

    @property
    def lines(self) -> list[str]:
        return [one.line for one in self.asked]

    def reply(self, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        self.asked.append(asked)
        status, document, headers = self.handle(asked)
        body = b"" if document is None else json.dumps(document).encode()
        return status, body, headers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            raw = await reader.readexactly(int(headers.get("content-length", 0)))
            method, target, _ = head[0].split(" ")
            status, body, more = self.reply(read_asked(method, headers.pop("x-test-host", ""), target, headers, raw))
            if self.answering is not None:
                await self.answering.wait()
            if self.silent:
                await reader.read()
            else:
                lines = [f"HTTP/1.1 {status} x", f"content-length: {len(body)}", "connection: close"]
                lines += [f"{name}: {value}" for name, value in more.items()]
                writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
                await writer.drain()
        writer.close()


def read_asked(method: str, host: str, target: str, headers: dict[str, str], raw: bytes) -> Asked:
    parts = urlsplit(target)
    return Asked(method, host, unquote(parts.path), dict(parse_qsl(parts.query)), headers, raw)


def ask(handle: Callable[[Asked], Answer], call: Call) -> Reply:
    """The same without a wire, for what is pure."""
    parts = urlsplit(call.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {name.lower(): value for name, value in call.headers.items()}
    status, document, more = handle(read_asked(call.method, parts.netloc, target, headers, call.body or b""))
    return Reply(status, more, b"" if document is None else json.dumps(document).encode())


ELSEWHERE = frozenset({"127.0.0.1", "example.com"})
"""Where other tests' callbacks go: what they have left over may be sent while a site is open."""


class Detour(httpx.AsyncBaseTransport):
    """Whatever platform is meant, the local server is dialled, by the guarded client."""

    def __init__(self, port: int) -> None:
        self._inner = build_client(EgressPolicy((ip_network("127.0.0.0/8"),)), 5)
        self._port = port

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host in ELSEWHERE:
            return httpx.Response(503)
        headers = dict(request.headers) | {"x-test-host": request.url.host}
        url = request.url.copy_with(scheme="http", host="127.0.0.1", port=self._port)
        raw = await request.aread()
        outgoing = self._inner.build_request(request.method, url, headers=headers, content=raw)
        return await self._inner.send(outgoing, stream=True)

    async def aclose(self) -> None:
        await self._inner.aclose()


@asynccontextmanager
async def open_site(world: World, handle: Callable[[Asked], Answer] | None = None) -> AsyncIterator[Site]:
    """All that API and worker call meanwhile comes to a local server."""
    site = Site() if handle is None else Site(handle)
    before = world.worker.http, world.parts.http
    async with await asyncio.start_server(site.serve, "127.0.0.1", 0) as server:
        site.port = server.sockets[0].getsockname()[1]
        async with httpx.AsyncClient(transport=Detour(site.port)) as client:
            for parts in (world.worker, world.parts):
                object.__setattr__(parts, "http", client)
            try:
                yield site
            finally:
                object.__setattr__(world.worker, "http", before[0])
                object.__setattr__(world.parts, "http", before[1])


SECRET = "a-secret-of-the-platform"
OAUTH: Json = {"client_id": "app-of-ours", "client_secret": SECRET, "refresh_token": "refresh-token-1"}


@dataclass
class Tokens:
    """An OAuth token endpoint that forgets a refresh token once it was used, and the tokens it gave out."""

    path: str
    basic: bool = False
    given: int = 0

    @property
    def live(self) -> str:
        return f"Bearer access-{self.given}"

    def handle(self, asked: Asked) -> Answer:
        form = asked.form
        if self.basic:
            pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
        else:
            pair = f"{form.get('client_id')}:{form.get('client_secret')}"
        known = form.get("refresh_token") == f"refresh-token-{self.given + 1}" and pair == f"app-of-ours:{SECRET}"
        if asked.method != "POST" or form.get("grant_type") != "refresh_token" or not known:
            return answer(400, {"error": "invalid_grant"})
        self.given += 1
        return answer(
            200,
            {"access_token": f"access-{self.given}", "expires_in": 3_600, "refresh_token": f"refresh-token-{self.given + 1}"},
        )  # fmt: skip
