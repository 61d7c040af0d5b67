"""The HTTP client for addresses that somebody else chose, and calls that are bounded in time and size.

Every connection goes through `dial`. Name, certificate and `Host` stay those of the URL. Redirects are not followed,
proxies of the environment not used, cookies not kept.
"""

import asyncio
import ssl
import sys
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from http.cookiejar import CookieJar, DefaultCookiePolicy
from importlib.util import find_spec
from typing import Self

import httpcore
import httpx

from veilleur.infra.outbound.dial import (
    EgressBlocked,
    GuardedBackend,
    OutboundError,
    OutboundReason,
    Resolver,
    make_resolver,
)
from veilleur.infra.outbound.egress import EgressPolicy

if find_spec("sniffio") is None:
    # httpcore asks for it four times a call. Where it is not installed, every question would search the whole path:
    # 0.3 ms of processor time, over half as much again as all else that a call takes.
    sys.modules["sniffio"] = None  # type: ignore[assignment]

BODY_CAP = 65_536
POOLS = 16
"""A pool looks at all of its connections for every request: many small ones cost a fraction of one that has all."""
MOST_CONNECTIONS = 400
"""Of one pool; more than a process has calls in the air: none waits for another's connection."""
MOST_IDLE = 32
IDLE_S = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: header names in lower case, the body as sent (not decompressed) and cut at the cap."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Call:
    """A request to be made."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


def build_client(
    policy: EgressPolicy, timeout: float, *, resolve: Resolver | None = None, verify: ssl.SSLContext | None = None
) -> httpx.AsyncClient:
    """A client that dials only what `policy` permits.

    `timeout` in seconds bounds connecting and each read or write, not the whole: see `post_capped`. `verify` replaces
    the public certificate authorities. Close the client when done.
    """
    resolve = resolve or make_resolver()
    context = verify or httpx.create_ssl_context(trust_env=False)
    return httpx.AsyncClient(
        transport=_GuardedTransport("https", GuardedBackend(policy, resolve, secure=True), context),
        mounts={"http://": _GuardedTransport("http", GuardedBackend(policy, resolve, secure=False), context)},
        timeout=timeout,
        trust_env=False,
        follow_redirects=False,
        # Many clients share this one, and some share a host: what one receiver sets must not reach another's call.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "Veilleur", "accept": "*/*", "accept-encoding": "identity"},
    )


async def post_capped(
    client: httpx.AsyncClient,
    url: str,
    content: bytes,
    headers: Mapping[str, str],
    total_s: float,
    cap: int = BODY_CAP,
) -> Reply:
    """POST `content` and read at most `cap` bytes of the answer, all within `total_s` seconds.

    The time counts from the first look-up to the last byte: a receiver that sends one byte now and then never runs
    into the client's own timeouts. What lies beyond the cap is not read.

    Raises `OutboundError`, and of its kind `EgressBlocked` when the URL must not be called.
    """
    return await _exchange(client.stream("POST", url, content=content, headers=dict(headers)), total_s, cap)


async def get_capped(
    client: httpx.AsyncClient, url: str, headers: Mapping[str, str], total_s: float, cap: int = BODY_CAP
) -> Reply:
    """GET with the same bounds and the same guard."""
    return await _exchange(client.stream("GET", url, headers=dict(headers)), total_s, cap)


async def send_capped(client: httpx.AsyncClient, call: Call, total_s: float, cap: int = BODY_CAP) -> Reply:
    """Any call with the same bounds and the same guard."""
    stream = client.stream(call.method, call.url, content=call.body, headers=dict(call.headers))
    return await _exchange(stream, total_s, cap)


async def _exchange(stream: AbstractAsyncContextManager[httpx.Response], total_s: float, cap: int) -> Reply:
    """The stream is opened here, so that an address that can't be called is found here too."""
    try:
        async with asyncio.timeout(total_s), stream as response:
            return Reply(response.status_code, dict(response.headers), await _read_capped(response, cap))
    except (httpx.InvalidURL, httpx.UnsupportedProtocol):
        raise EgressBlocked from None
    except (httpx.HTTPError, OSError) as error:
        raise OutboundError(_name_reason(error)) from error
    except UnicodeError as error:  # a key or a name that no header can carry
        raise OutboundError("protocol") from error


class _GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx can't be given a network backend, so the pool it builds is replaced by one that has ours."""

    def __init__(self, scheme: str, backend: GuardedBackend, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        if not isinstance(getattr(self, "_pool", None), httpcore.AsyncConnectionPool):
            raise TypeError("this httpx keeps its pool elsewhere: the guard would be bypassed")
        self._pool = _Pools(backend, context)  # type: ignore[assignment]  # does what httpx asks of one
        self._scheme = scheme

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Rows from before a check existed come through here too: scheme and credentials are judged once more."""
        if request.url.scheme != self._scheme or request.url.userinfo:
            raise EgressBlocked
        return await super().handle_async_request(request)


class _Pools:
    """Connections by the address that is called; calls of one address find each other's."""

    def __init__(self, backend: GuardedBackend, context: ssl.SSLContext) -> None:
        self.pools = [
            httpcore.AsyncConnectionPool(
                ssl_context=context,
                max_connections=MOST_CONNECTIONS,
                max_keepalive_connections=MOST_IDLE,
                keepalive_expiry=IDLE_S,
                network_backend=backend,
            )
            for _ in range(POOLS)
        ]

    async def handle_async_request(self, request: httpcore.Request) -> httpcore.Response:
        url = request.url
        return await self.pools[hash((url.host, url.port, url.target)) % POOLS].handle_async_request(request)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        for pool in self.pools:
            await pool.aclose()


async def _read_capped(response: httpx.Response, cap: int) -> bytes:
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) >= cap:
            break
    return bytes(body[:cap])


def _name_reason(error: BaseException) -> OutboundReason:
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "timeout"
    if isinstance(error, httpx.ProtocolError):
        return "protocol"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return "tls"
        cause = cause.__cause__ or cause.__context__
    return "connect"
