"""From a host to a connection: look up, judge every address, connect to one that was judged.

The name server is asked once a connection, and the answer that was judged is the one that is dialled, so a second,
different answer (DNS rebinding) has no way in.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, TypeAlias

import httpcore
import httpx

from veilleur.infra.outbound.egress import Address, EgressPolicy, is_allowed, may_dial, read_address, unwrap_address
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg

OutboundReason: TypeAlias = Literal["blocked", "dns", "connect", "tls", "timeout", "protocol"]

Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to addresses in order of preference; raises `OSError` or `UnicodeError` when there are none."""

RESOLVE_S = 5.0


class OutboundError(Exception):
    """No complete answer came; `reason` says why, in a word that is fit for the receiver's own eyes."""

    def __init__(self, reason: OutboundReason) -> None:
        super().__init__(reason)
        self.reason: OutboundReason = reason


class EgressBlocked(OutboundError):  # noqa: N818
    """The URL leads where calls must not go. Trying again won't help, and nothing was sent."""

    def __init__(self) -> None:
        super().__init__("blocked")


def make_resolver(*, workers: int = 16) -> Resolver:
    """The system's resolver in threads of its own: slow name servers of a few hosts must not hold up other work."""
    threads = ThreadPoolExecutor(workers, thread_name_prefix="resolve")

    async def resolve(host: str, port: int) -> Sequence[str]:
        found = await asyncio.get_running_loop().run_in_executor(
            threads, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        )
        return [str(sockaddr[0]) for *_, sockaddr in found]

    return resolve


async def check_callback_host(url: str, policy: EgressPolicy, pointer: str, resolve: Resolver) -> None:
    """After `check_callback_url`: refuse at once a name that leads to addresses which no call would go to.

    A convenience for the person at the form, not the guard. A name that does not resolve now may do so later, and a
    machine without name service must be able to create endpoints, so neither is an error. Raises `Invalid`.
    """
    parsed = httpx.URL(url)
    secure = parsed.scheme == "https"
    port = parsed.port if parsed.port is not None else 443 if secure else 80
    try:
        await vet_host(parsed.raw_host.decode(), port, policy, resolve, secure=secure)
    except EgressBlocked:
        where = InputError(pointer, msg("this name leads to an address, scheme or port that is not called"))
        raise Invalid(msg("This URL can't be called"), errors=[where]) from None
    except OutboundError:
        return


async def vet_host(host: str, port: int, policy: EgressPolicy, resolve: Resolver, *, secure: bool) -> list[str]:
    """The addresses of a host, in the resolver's order and never none.

    One refused address refuses them all: a mixed answer is an attack, not a mistake. Raises `EgressBlocked`, or
    `OutboundError` with reason `dns`, after `RESOLVE_S` seconds at the latest.
    """
    literal = read_address(host)
    answers = [str(literal)] if literal else await _look_up(host, port, resolve)
    vetted = []
    for answer in answers:
        address = read_address(answer)
        if address is None or not may_dial(policy, address, port, secure=secure):
            raise EgressBlocked
        if not is_allowed(policy, address) and is_own(address):
            raise EgressBlocked
        vetted.append(str(unwrap_address(address)))
    return vetted


def is_own(address: Address) -> bool:
    """Whether an address is this machine's own, a public one too: the kernel would call it from itself.

    A datagram socket that is told whom to talk to sends nothing; it only chooses where it would send from.
    """
    address = unwrap_address(address)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(address), 9))
            return bool(probe.getsockname()[0] == str(address))
    except OSError:
        return False  # no way leads there, so no call does either


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for the HTTP client, only to addresses that were judged in the same call."""

    def __init__(
        self,
        policy: EgressPolicy,
        resolve: Resolver,
        *,
        secure: bool,
        inner: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        """`secure` when TLS follows on every connection; `inner` is what opens sockets."""
        self._policy = policy
        self._resolve = resolve
        self._secure = secure
        self._inner = inner or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first vetted address that answers; they share `timeout` seconds among them."""
        vetted = await vet_host(host, port, self._policy, self._resolve, secure=self._secure)
        tried = vetted[:_MOST_TRIED]
        share = timeout and timeout / len(tried)
        failure: Exception | None = None
        for address in tried:
            try:
                stream = await self._inner.connect_tcp(address, port, share, local_address, socket_options)
                return _ClosingStream(stream)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or OutboundError("dns")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


_MOST_TRIED = 4


class _ClosingStream(httpcore.AsyncNetworkStream):
    """A stream that closes when its TLS handshake is cancelled.

    httpcore 1.0 closes it after an error but not after a cancellation: with a deadline around the call, every receiver
    that stalls in the handshake would leave a socket behind.
    """

    def __init__(self, inner: httpcore.AsyncNetworkStream) -> None:
        self._inner = inner

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109  httpcore's
        return await self._inner.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109  httpcore's
        await self._inner.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._inner.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore's
    ) -> httpcore.AsyncNetworkStream:
        try:
            return await self._inner.start_tls(ssl_context, server_hostname, timeout)
        except BaseException:
            await self._inner.aclose()
            raise

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


async def _look_up(host: str, port: int, resolve: Resolver) -> Sequence[str]:
    try:
        async with asyncio.timeout(RESOLVE_S):
            answers = await resolve(host, port)
    except (OSError, UnicodeError):
        raise OutboundError("dns") from None
    if not answers:
        raise OutboundError("dns")
    return answers
