import asyncio
import datetime as dt
import gzip
import ssl
import time
from contextlib import asynccontextmanager
from ipaddress import ip_address, ip_network

import httpcore
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from veilleur.infra.outbound import dial
from veilleur.infra.outbound.dial import EgressBlocked, GuardedBackend, OutboundError, make_resolver
from veilleur.infra.outbound.egress import EgressPolicy
from veilleur.infra.outbound.http import build_client, post_capped

PUBLIC_ONLY = EgressPolicy()
LOOPBACK = EgressPolicy((ip_network("127.0.0.0/8"),))
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def answering(*addresses):
    async def resolve(host, port):
        return addresses

    return resolve


@asynccontextmanager
async def serving(reply, *, tls=None):
    """A server on loopback that hands each request to `reply(head, body, writer)`; yields its port and what came."""
    seen = []

    async def handle(reader, writer):
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), 0
            )
            seen.append(head + await reader.readexactly(length))
            await reply(writer)
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


def replying(raw):
    async def reply(writer):
        writer.write(raw)

    return reply


async def post(
    port, *, resolve=None, policy=LOOPBACK, total_s=5.0, host="hooks.example.com", scheme="http", verify=None, **options
):
    resolve = resolve or answering("127.0.0.1")
    async with build_client(policy, 2.0, resolve=resolve, verify=verify) as client:
        return await post_capped(
            client, f"{scheme}://{host}:{port}/hook", b"body", {"webhook-id": "m1"}, total_s, **options
        )


class Recorder(httpcore.AsyncNetworkBackend):
    """Notes where connections would go; every one answers 200."""

    def __init__(self, broken=()):
        self.dialled = []
        self.broken = broken

    async def connect_tcp(self, host, port, timeout=None, *_ignored):  # noqa: ASYNC109
        self.dialled.append((host, port, timeout))
        if host in self.broken:
            raise httpcore.ConnectTimeout
        return httpcore.AsyncMockStream([OK])


def backend(inner, *addresses, policy=PUBLIC_ONLY, secure=True, resolve=None):
    return GuardedBackend(policy, resolve or answering(*addresses), secure=secure, inner=inner)


async def test_a_post_carries_body_headers_and_the_name_of_the_url():
    async with serving(replying(OK)) as (port, seen):
        reply = await post(port)
    assert (reply.status, reply.body, reply.headers["content-length"]) == (200, b"ok", "2")
    head, _, body = seen[0].partition(b"\r\n\r\n")
    assert body == b"body"
    assert head.startswith(b"POST /hook HTTP/1.1\r\n")
    assert f"host: hooks.example.com:{port}".encode() in head.lower()
    assert b"webhook-id: m1" in head
    assert b"accept-encoding: identity" in head.lower()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "2130706433", "0x7f000001", "127.1", "0", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]",
     "[2002:7f00:1::]", "169.254.169.254", "10.0.0.1", "100.64.0.1"],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_spelling_of_a_private_address_is_reached(host, scheme):
    async with serving(replying(OK)) as (port, seen):
        with pytest.raises(EgressBlocked):
            await post(port, policy=PUBLIC_ONLY, host=host, scheme=scheme, resolve=make_resolver(workers=1))
    assert seen == []


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("93.184.216.34", "10.0.0.1"), ("10.0.0.1", "93.184.216.34"), ("2606:4700::1", "::1"), ("::ffff:10.0.0.1",),
     ("fe80::1%eth0",), ("not an address",), ("",)],
)  # fmt: skip
async def test_one_refused_address_among_the_answers_refuses_the_host(addresses):
    inner = Recorder()
    with pytest.raises(EgressBlocked):
        await backend(inner, *addresses).connect_tcp("hooks.example.com", 443)
    assert inner.dialled == []


@pytest.mark.parametrize(("port", "secure"), [(80, False), (443, False), (22, True), (80, True)])
async def test_public_hosts_are_dialled_with_tls_on_known_ports_only(port, secure):
    inner = Recorder()
    with pytest.raises(EgressBlocked):
        await backend(inner, "93.184.216.34", secure=secure).connect_tcp("hooks.example.com", port)
    assert inner.dialled == []


async def test_the_address_that_was_judged_is_the_one_dialled():
    inner = Recorder()
    await backend(inner, "::ffff:93.184.216.34", "2606:4700::1").connect_tcp("hooks.example.com", 443, timeout=4.0)
    assert inner.dialled == [("93.184.216.34", 443, 2.0)]


@pytest.mark.parametrize(
    ("address", "own"),
    [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("8.8.8.8", False), ("192.0.2.1", False)],
)
def test_an_address_of_this_machine_is_known_without_a_packet(address, own):
    assert dial.is_own(ip_address(address)) is own


async def test_a_public_address_of_this_very_machine_is_not_called(monkeypatch):
    monkeypatch.setattr(dial, "is_own", lambda address: str(address) == "93.184.216.34")
    for policy, refused in ((PUBLIC_ONLY, True), (EgressPolicy((ip_network("93.184.216.0/24"),)), False)):
        vetting = dial.vet_host("mine.example", 443, policy, answering("93.184.216.34"), secure=True)
        if refused:
            with pytest.raises(EgressBlocked):
                await vetting
        else:
            assert await vetting == ["93.184.216.34"]


async def test_a_rebinding_name_server_gets_no_second_say():
    """Public at the first look-up, loopback at the second: the second connection is refused, the first went out."""
    answers = iter([("93.184.216.34",), ("127.0.0.1",)])
    inner = Recorder()

    async def resolve(host, port):
        return next(answers)

    guarded = backend(inner, resolve=resolve)
    await guarded.connect_tcp("rebind.example.com", 443)
    with pytest.raises(EgressBlocked):
        await guarded.connect_tcp("rebind.example.com", 443)
    assert [host for host, _, _ in inner.dialled] == ["93.184.216.34"]


async def test_the_next_address_is_tried_when_one_does_not_answer():
    inner = Recorder(broken={"2606:4700::1"})
    await backend(inner, "2606:4700::1", "93.184.216.34").connect_tcp("hooks.example.com", 443)
    assert [host for host, _, _ in inner.dialled] == ["2606:4700::1", "93.184.216.34"]


async def test_a_name_server_with_a_thousand_answers_is_not_followed_through_them_all():
    dead = [f"93.184.{high}.{low}" for high in range(4) for low in range(250)]
    inner = Recorder(broken=set(dead))
    with pytest.raises(httpcore.ConnectTimeout):
        await backend(inner, *dead).connect_tcp("hooks.example.com", 443, timeout=2.0)
    assert [timeout for _, _, timeout in inner.dialled] == [0.5] * 4


async def test_unix_sockets_are_never_opened():
    with pytest.raises(NotImplementedError):
        await backend(Recorder()).connect_unix_socket("/run/x.sock")


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "https://127.0.0.1/", "http://hooks.example.com/next"]
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_answers_and_not_followed(status, target):
    raw = f"HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode()
    async with serving(replying(raw)) as (port, seen):
        reply = await post(port)
    assert reply.status == status
    assert len(seen) == 1


async def test_a_dripping_server_ends_with_the_total_time():
    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as (port, _):
        start = time.monotonic()
        with pytest.raises(OutboundError) as caught:
            await post(port, total_s=0.3)
    assert caught.value.reason == "timeout"
    assert 0.25 < time.monotonic() - start < 2


async def test_dripping_headers_end_with_the_total_time_too():
    async def drip(writer):
        writer.write(b"HTTP/1.1 200 OK\r\n")
        for number in range(1_000):
            writer.write(f"x-{number}: 1\r\n".encode())
            await writer.drain()
            await asyncio.sleep(0.02)

    async with serving(drip) as (port, _):
        with pytest.raises(OutboundError, match="timeout"):
            await post(port, total_s=0.3)


async def test_a_silent_server_times_out():
    async def wait(writer):
        await asyncio.sleep(1)

    async with serving(wait) as (port, _):
        with pytest.raises(OutboundError, match="timeout"):
            await post(port, total_s=0.2)


async def test_a_gzip_bomb_is_neither_inflated_nor_read_whole():
    bomb = gzip.compress(bytes(50_000_000))
    raw = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n".encode() + bomb
    async with serving(replying(raw)) as (port, _):
        reply = await post(port, cap=1_000)
    assert reply.body == bomb[:1_000]


async def test_an_endless_body_is_cut_at_the_cap():
    async def flood(writer):
        writer.write(b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"1000\r\n" + b"x" * 4096 + b"\r\n")
            await writer.drain()

    async with serving(flood) as (port, _):
        reply = await post(port)
    assert (reply.status, len(reply.body)) == (500, 65_536)


@pytest.mark.parametrize(
    "raw",
    [b"", b"garbage\r\n\r\n", b"HTTP/1.1 abc OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
     b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 40_000,
     b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"\x16\x03\x01\x02\x00"],
    ids=lambda raw: repr(raw[-20:]),
)  # fmt: skip
async def test_what_is_not_http_is_one_kind_of_error(raw):
    async with serving(replying(raw)) as (port, _):
        with pytest.raises(OutboundError) as caught:
            await post(port)
    assert caught.value.reason == "protocol"


async def test_nobody_listening_is_told_from_a_missing_name():
    async with serving(replying(OK)) as (port, _):
        pass
    with pytest.raises(OutboundError) as caught:
        await post(port)
    assert caught.value.reason == "connect"


@pytest.mark.parametrize("failure", [OSError(-2, "Name or service not known"), UnicodeError("label too long"), None])
async def test_a_name_without_addresses_is_a_dns_error(failure):
    async def resolve(host, port):
        if failure:
            raise failure
        return []

    with pytest.raises(OutboundError) as caught:
        await post(443, resolve=resolve)
    assert caught.value.reason == "dns"
    assert not isinstance(caught.value, EgressBlocked)


async def test_the_system_resolver_turns_an_impossible_name_into_a_dns_error():
    with pytest.raises(OutboundError, match="dns"):
        await post(443, host="a" * 64, resolve=make_resolver(workers=1))


async def test_a_name_server_that_never_answers_is_given_up(monkeypatch):
    monkeypatch.setattr(dial, "RESOLVE_S", 0.05)

    async def resolve(host, port):
        await asyncio.sleep(10)
        return []

    with pytest.raises(OutboundError, match="dns"):
        await post(443, resolve=resolve)


@pytest.mark.parametrize(
    "url",
    [
        "http://user:pass@127.0.0.1:{}/",
        "ftp://127.0.0.1:{}/",
        "//127.0.0.1:{}/",
        "",
        "http://[gggg::]/",
        "file:///etc/passwd",
    ],
)
async def test_old_rows_with_urls_that_would_be_refused_today_are_not_called(url):
    async with (
        serving(replying(OK)) as (port, seen),
        build_client(LOOPBACK, 1.0, resolve=answering("127.0.0.1")) as client,
    ):
        with pytest.raises(EgressBlocked):
            await post_capped(client, url.format(port), b"", {}, 1.0)
    assert seen == []


async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    async with (
        serving(replying(b"HTTP/1.1 502 Proxy\r\nContent-Length: 0\r\n\r\n")) as (proxy, asked),
        serving(replying(OK)) as (port, _),
    ):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy}")
        assert (await post(port)).status == 200
    assert asked == []


async def test_a_cookie_set_by_one_receiver_is_not_sent_again():
    raw = b"HTTP/1.1 200 OK\r\nSet-Cookie: session=1; Path=/\r\nContent-Length: 0\r\n\r\n"
    async with (
        serving(replying(raw)) as (port, seen),
        build_client(LOOPBACK, 1.0, resolve=answering("127.0.0.1")) as client,
    ):
        for _ in range(2):
            await post_capped(client, f"http://hooks.example.com:{port}/", b"", {}, 1.0)
    assert len(seen) == 2
    assert b"cookie" not in seen[1].lower()


async def test_a_header_that_would_split_the_request_is_never_sent():
    async with (
        serving(replying(OK)) as (port, seen),
        build_client(LOOPBACK, 1.0, resolve=answering("127.0.0.1")) as client,
    ):
        with pytest.raises(OutboundError, match="protocol"):
            await post_capped(client, f"http://hooks.example.com:{port}/", b"", {"x": "a\r\nHost: evil"}, 1.0)
    assert seen == []


def make_certificate(folder, name):
    """A server and a client context that know one self-signed certificate for `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    (folder / "cert.pem").write_bytes(certificate.public_bytes(encoding))
    (folder / "key.pem").write_bytes(
        key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return server, ssl.create_default_context(cafile=str(folder / "cert.pem"))


async def test_tls_is_spoken_with_the_name_though_the_address_is_dialled(tmp_path):
    server, client = make_certificate(tmp_path, "hooks.example.com")
    names = []
    server.sni_callback = lambda _socket, name, _context: names.append(name)
    async with serving(replying(OK), tls=server) as (port, seen):
        assert (await post(port, scheme="https", verify=client)).status == 200
    assert names == ["hooks.example.com"]
    assert b"host: hooks.example.com" in seen[0].lower()


async def test_a_certificate_of_another_name_or_authority_is_a_tls_error(tmp_path):
    server, client = make_certificate(tmp_path, "other.example.com")
    async with serving(replying(OK), tls=server) as (port, seen):
        for context in (client, None):
            with pytest.raises(OutboundError) as caught:
                await post(port, scheme="https", verify=context)
            assert caught.value.reason == "tls"
    assert seen == []


async def test_tls_with_a_server_that_speaks_none_is_a_tls_error():
    async def talk(reader, writer):
        writer.write(b"220 smtp ready\r\n")
        await reader.read()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as server:
        with pytest.raises(OutboundError) as caught:
            await post(server.sockets[0].getsockname()[1], scheme="https")
    assert caught.value.reason == "tls"


async def test_a_handshake_that_stalls_ends_in_time_and_leaves_no_socket_behind():
    hung_up = asyncio.Event()

    async def stall(reader, writer):
        while await reader.read(4096):
            pass
        hung_up.set()
        writer.close()

    async with await asyncio.start_server(stall, "127.0.0.1", 0) as server:
        with pytest.raises(OutboundError, match="timeout"):
            await post(server.sockets[0].getsockname()[1], scheme="https", total_s=0.2)
        async with asyncio.timeout(1):
            await hung_up.wait()


async def test_the_guard_really_sits_in_the_pool_of_this_httpx():
    """httpx gives no public way in; should it move the pool, this fails before anything is called."""
    async with build_client(PUBLIC_ONLY, 1.0, resolve=answering("93.184.216.34")) as client:
        for url in ("https://hooks.example.com/", "http://hooks.example.com/"):
            pools = client._transport_for_url(httpx.URL(url))._pool.pools
            assert all(isinstance(pool._network_backend, GuardedBackend) for pool in pools)


async def test_an_httpx_that_keeps_its_pool_elsewhere_is_refused(monkeypatch):
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "__init__", lambda _self, **_options: None)
    with pytest.raises(TypeError, match="bypassed"):
        build_client(PUBLIC_ONLY, 1.0)
