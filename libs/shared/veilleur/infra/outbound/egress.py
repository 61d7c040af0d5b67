"""Which addresses a client's callback may lead to (server-side request forgery, OWASP API7:2023). Pure.

`ipaddress.is_global` is not asked: it calls NAT64, 6to4 and multicast addresses global, and its answers change with
the Python version. The networks below are those of Svix and Smokescreen, and in IPv6 everything outside 2000::/3.
"""

import re
import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NoReturn, TypeAlias

import httpx

from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import Message, msg

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

LONGEST_URL = 2048
PORTS = frozenset({443, 8443})


@dataclass(frozen=True, slots=True)
class EgressPolicy:
    """`allow`: networks the operator opens on purpose, for receivers of its own; plain http and any port included."""

    allow: tuple[Network, ...] = ()


def may_dial(policy: EgressPolicy, address: Address, port: int, *, secure: bool) -> bool:
    """Whether a connection to `address` may be opened; `secure` when TLS follows.

    Public addresses with TLS on port 443 or 8443, and whatever the policy allows.
    """
    if is_allowed(policy, address):
        return 0 < port <= _LAST_PORT
    return secure and port in PORTS and is_public(address)


def is_allowed(policy: EgressPolicy, address: Address) -> bool:
    """Whether the operator opened the network that an address is in."""
    address = unwrap_address(address)
    return any(address in network for network in policy.allow)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet and to one host of it."""
    address = unwrap_address(address)
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _REFUSED_V4)
    return address in _UNICAST_V6 and not any(address in network for network in _REFUSED_V6)


def unwrap_address(address: Address) -> Address:
    """`::ffff:10.0.0.1` is 10.0.0.1, for the network as well as here."""
    return getattr(address, "ipv4_mapped", None) or address


def read_address(host: str) -> Address | None:
    """The address a host spells out, None for a name.

    Reads what the C library reads too: `2130706433`, `0x7f.1` and `0177.0.0.1` all are 127.0.0.1.
    """
    host = host.strip("[]").rstrip(".")
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except (OSError, ValueError):
        return None


def check_callback_url(url: str, policy: EgressPolicy, pointer: str) -> None:
    """Refuse a URL that could never be called, while the person who wrote it is still there to mend it.

    Judges what is written, without the network; the address behind a name is judged at every call. Where the policy
    allows networks, a name may lead there, so its scheme and port are left to that call too.

    Raises `Invalid` at `pointer`.
    """
    parsed = _parse_url(url, pointer)
    if parsed.userinfo:
        _refuse(pointer, msg("credentials may not stand in a URL"), msg("verify the signature of the call instead"))
    host = parsed.raw_host.decode()
    address = read_address(host)
    secure = parsed.scheme == "https"
    port = parsed.port if parsed.port is not None else 443 if secure else 80
    if address is None:
        _check_name(host, policy, pointer)
    if (address is None and policy.allow) or (address and may_dial(policy, address, port, secure=secure)):
        return
    if address and not is_public(address):
        _refuse(pointer, msg("this address is not on the public internet"))
    if not secure:
        _refuse(pointer, msg("the URL must start with https://"))
    if port not in PORTS:
        _refuse(pointer, msg("port {port} is not called; use 443 or 8443", port=port))


_REFUSED_V4: tuple[IPv4Network, ...] = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, metadata of clouds
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
_UNICAST_V6 = IPv6Network("2000::/3")
"""All that is routed. Outside: ::, ::1, fc00::/7, fe80::/10, fec0::/10, ff00::/8, 100::/64, 64:ff9b::/96,
64:ff9b:1::/48, 5f00::/16 and every network not yet given out."""
_REFUSED_V6: tuple[IPv6Network, ...] = tuple(
    IPv6Network(network)
    for network in (
        "2001::/23",  # protocol assignments: Teredo 2001::/32 (embeds IPv4), benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, embeds IPv4
        "3fff::/20",  # documentation
    )
)

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE)
_LONGEST_NAME = 253
_LAST_PORT = 65_535
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")


def _parse_url(url: str, pointer: str) -> httpx.URL:
    """With the parser that the client dials with: two parsers that disagree are a way around the check."""
    if len(url) > LONGEST_URL:
        _refuse(pointer, msg("the URL is longer than {limit} characters", limit=LONGEST_URL))
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, UnicodeError):
        parsed = httpx.URL()
    readable = parsed.scheme in {"http", "https"} and parsed.raw_host and (parsed.port or 0) <= _LAST_PORT
    if not readable or _UNSAFE.search(url):
        _refuse(pointer, msg("this is not a URL"), msg("write it as https://host/path"))
    return parsed


def _check_name(host: str, policy: EgressPolicy, pointer: str) -> None:
    labels = host.removesuffix(".").split(".")
    if len(host) > _LONGEST_NAME or labels[-1].isdigit() or not all(map(_LABEL.fullmatch, labels)):
        _refuse(pointer, msg("this is not a host name"))
    if not policy.allow and (len(labels) == 1 or labels[-1].lower() == "localhost"):
        _refuse(pointer, msg("this name is not on the public internet"))


def _refuse(pointer: str, detail: Message, hint: Message | None = None) -> NoReturn:
    raise Invalid(msg("This URL can't be called"), errors=[InputError(pointer, detail, hint)])
