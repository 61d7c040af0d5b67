# ruff: noqa: S104  0.0.0.0 stands here to be refused
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.infra.outbound.dial import check_callback_host
from veilleur.infra.outbound.egress import EgressPolicy, check_callback_url, is_public, may_dial, read_address
from veilleur.kernel.errors import Invalid

PUBLIC_ONLY = EgressPolicy()
LAN = EgressPolicy((ip_network("10.1.0.0/16"), ip_network("fd00::/8")))

REFUSED = [
    # Svix, is_allowed_test, both ends of each network
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.0.0.1", "10.255.255.255", "100.64.0.0", "100.64.0.1",
    "100.127.255.255", "127.0.0.0", "127.0.0.1", "127.255.255.255", "169.254.0.0", "169.254.169.254",
    "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.8", "192.0.0.192", "192.0.0.255",
    "192.0.2.0", "192.0.2.255", "192.88.99.0", "192.88.99.1", "192.88.99.255", "192.168.0.0", "192.168.255.255",
    "198.18.0.0", "198.19.255.255", "198.51.100.0", "198.51.100.255", "203.0.113.0", "203.0.113.255", "224.0.0.1",
    "239.255.255.255", "240.0.0.0", "255.255.255.254", "255.255.255.255",
    "::", "::1", "fe80::", "fe80::1", "febf:ffff::", "fe80::1%eth0", "fc00::", "fc00::1", "fd00::1",
    "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ff00::", "ff02::1", "ffff::", "2001:db8::", "2001:db8::1",
    "2001:db8:ffff::", "3fff::", "3fff::1", "3fff:fff::1", "100::", "100::1", "2002::", "2002:7f00:1::",
    "2002:ffff::", "64:ff9b::", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::", "64:ff9b:1::1", "5f00::",
    "5f00::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:0", "::ffff:7f00:1",
    # Smokescreen: Teredo, site-local, IPv4-compatible, and what embeds a public IPv4 address
    "2001::", "2001::1", "2001:0:ffff::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "fec0::1", "::127.0.0.1",
    "::8.8.8.8", "64:ff9b::808:808", "2002:808:808::", "::ffff:0:127.0.0.1", "4000::1", "1fff::1",
    # metadata services
    "fd00:ec2::254", "100.100.100.200",
]  # fmt: skip

ALLOWED = [
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "191.255.255.255", "192.0.1.0", "192.0.3.0",
    "192.88.98.255", "192.88.100.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
    "198.51.99.255", "198.51.101.0", "203.0.112.255", "203.0.114.0", "223.255.255.255", "93.184.216.34",
    "2606:4700:4700::1111", "2a00:1450:4007:80e::200e", "2001:4860:4860::8888", "2001:200::", "2001:db7:ffff::",
    "2001:db9::", "2003::1", "3ffe::1", "3fff:1000::", "::ffff:8.8.8.8",
]  # fmt: skip

LITERALS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.",
    "0x7F.0x0.0x0.0x1", "00000177.1", "[::1]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "0", "0.0.0.0", "[::]", "169.254.169.254", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[64:ff9b::7f00:1]",
    "[fe80::1]", "10.0.0.1", "192.168.1.1", "100.64.0.1", "[fd00:ec2::254]",
]  # fmt: skip


def refusal(url, policy=PUBLIC_ONLY):
    with pytest.raises(Invalid) as caught:
        check_callback_url(url, policy, "/url")
    [error] = caught.value.errors
    assert error.pointer == "/url"
    assert caught.value.status == 422
    return str(error.detail)


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_off_the_public_internet_are_refused(address):
    assert not is_public(ip_address(address))
    assert not may_dial(PUBLIC_ONLY, ip_address(address), 443, secure=True)


@pytest.mark.parametrize("address", ALLOWED)
def test_their_public_neighbours_are_called(address):
    assert is_public(ip_address(address))
    assert may_dial(PUBLIC_ONLY, ip_address(address), 443, secure=True)


@pytest.mark.parametrize(
    ("port", "secure"), [(80, True), (22, True), (6379, True), (8444, True), (443, False), (80, False)]
)
def test_public_addresses_are_called_with_tls_on_two_ports_only(port, secure):
    assert not may_dial(PUBLIC_ONLY, ip_address("8.8.8.8"), port, secure=secure)


@pytest.mark.parametrize("address", ["10.1.2.3", "::ffff:10.1.2.3", "fd00::1"])
def test_what_the_operator_allows_is_called_in_any_way(address):
    assert may_dial(LAN, ip_address(address), 8080, secure=False)


@pytest.mark.parametrize("address", ["10.2.0.1", "127.0.0.1", "169.254.169.254", "fe80::1"])
def test_allowing_one_network_opens_no_other(address):
    assert not may_dial(LAN, ip_address(address), 443, secure=True)


@pytest.mark.parametrize("host", LITERALS)
def test_every_spelling_of_an_address_is_read(host):
    assert not is_public(read_address(host))
    octal = host.startswith("0") and host.count(".") == 3 and "x" not in host.lower() and host != "0.0.0.0"
    assert refusal(f"https://{host}/hook") == (
        "this is not a URL" if octal else "this address is not on the public internet"
    )


@pytest.mark.parametrize("host", ["example.com", "1.2.3.4.5", "127.0.0.1.nip.io", "", "beef", "0xzz", "\ud800", "a\0b"])
def test_a_name_is_no_address(host):
    assert read_address(host) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com",
        "https://example.com/hook?a=1&b=%20#part",
        "https://example.com:443/",
        "https://example.com:8443/",
        "HTTPS://EXAMPLE.COM/",
        "https://example.com./",
        "https://a_b.example.com/",
        "https://xn--bcher-kva.example/",
        "https://bücher.example/",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://example.com/" + "a" * 2028,
    ],
)
def test_ordinary_callbacks_are_accepted(url):
    check_callback_url(url, PUBLIC_ONLY, "/url")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("http://example.com/", "https://"),
        ("http://8.8.8.8/", "https://"),
        ("https://example.com:80/", "port 80"),
        ("https://example.com:6379/", "port 6379"),
        ("https://example.com:0/", "port 0"),
        ("https://user:pass@example.com/", "credentials"),
        ("https://user@example.com/", "credentials"),
        ("https://example.com@127.0.0.1/", "credentials"),
        ("https://127.0.0.1#@example.com/", "address is not on the public"),
        ("https://127.0.0.1?@example.com/", "address is not on the public"),
        ("https://127.0.0.1\\@example.com/", "not a URL"),
        ("https://example.com\\@127.0.0.1/", "not a URL"),
        ("https://localhost/", "name is not on the public"),
        ("https://LOCALHOST./", "name is not on the public"),
        ("https://a.localhost/", "name is not on the public"),
        ("https://intranet/", "name is not on the public"),
        ("https://1.2.3.4.5/", "not a host name"),
        ("https://999.999.999.999/", "not a URL"),
        ("https://127%2e0.0.1/", "not a host name"),
        ("https://-example.com/", "not a host name"),
        ("https://exa..mple.com/", "not a host name"),
        ("https://" + "a" * 64 + ".com/", "not a host name"),
        ("https://" + "a.a" * 90 + ".com/", "not a host name"),
        ("https://example.com/" + "a" * 2029, "longer than 2048"),
        ("", "not a URL"),
        ("example.com", "not a URL"),
        ("//example.com/", "not a URL"),
        ("https:///path", "not a URL"),
        ("https://", "not a URL"),
        ("https:example.com", "not a URL"),
        ("ftp://example.com/", "not a URL"),
        ("file:///etc/passwd", "not a URL"),
        ("gopher://example.com/", "not a URL"),
        ("unix:///run/x.sock", "not a URL"),
        ("javascript:alert(1)", "not a URL"),
        (" https://example.com/", "not a URL"),
        ("https://example.com/\n", "not a URL"),
        ("https://exa mple.com/", "not a URL"),
        ("https://example.com/\r\nHost: evil", "not a URL"),
        ("https://example.com:99999999/", "not a URL"),
        ("https://example.com:https/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://[gggg::]/", "not a URL"),
        ("https://①②⑦.⓪.⓪.①/", "not a URL"),
        ("https://\ud800.example/", "not a URL"),
        ("https://example.com/\ud800", "not a URL"),
    ],
    ids=lambda case: ascii(case)[:40],
)
def test_urls_that_can_never_be_called_are_refused_and_told_why(url, said):
    assert said in refusal(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.1.0.5:8080/hook",
        "https://10.1.0.5/",
        "http://[fd00::1]:9000/",
        "http://receiver:3000/",
        "http://localhost:80/",
        "https://example.com:9999/",
    ],
)
def test_with_allowed_networks_plain_http_and_names_are_left_to_the_call(url):
    check_callback_url(url, LAN, "/url")


@pytest.mark.parametrize(
    "url",
    [
        "http://10.2.0.5/",
        "https://127.0.0.1/",
        "https://169.254.169.254/",
        "http://u:p@10.1.0.5/",
        "ftp://10.1.0.5/",
        "http://receiver:65536/",
    ],
)
def test_allowed_networks_open_no_other_address(url):
    refusal(url, LAN)


@given(st.text(max_size=60) | st.text(st.sampled_from("htps:/@.[]0127x%\\?#é \n"), max_size=40).map("https://".__add__))
def test_no_text_raises_anything_but_invalid(url):
    with suppress(Invalid):
        check_callback_url(url, PUBLIC_ONLY, "/url")


async def test_a_private_name_fails_loudly_when_it_is_written():
    async def resolve(host, port):
        return ["8.8.8.8", "10.0.0.1"]

    with pytest.raises(Invalid) as caught:
        await check_callback_host("https://intern.example.com/", PUBLIC_ONLY, "/url", resolve)
    assert caught.value.errors[0].pointer == "/url"
    assert "10.0.0.1" not in str(caught.value.errors[0].detail)


@pytest.mark.parametrize("failure", [OSError("no name service"), UnicodeError("label too long"), None])
async def test_a_name_that_does_not_resolve_may_still_be_written(failure):
    async def resolve(host, port):
        if failure:
            raise failure
        return []

    await check_callback_host("https://later.example.com/", PUBLIC_ONLY, "/url", resolve)


async def test_a_public_name_passes_and_is_asked_for_as_written():
    asked = []

    async def resolve(host, port):
        asked.append((host, port))
        return ["8.8.8.8"]

    await check_callback_host("https://bücher.example:8443/", PUBLIC_ONLY, "/url", resolve)
    assert asked == [("xn--bcher-kva.example", 8443)]
