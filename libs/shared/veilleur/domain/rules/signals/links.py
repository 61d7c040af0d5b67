"""Links in a text, their hosts and registered domains. Nothing is ever resolved or fetched.

Found with and without a scheme, written in full-width letters or with the dot spelled out (`site(.)com`,
`site [dot] com`). Without a scheme or `www`, what stands after the last dot must be a public suffix; the suffix list is
the one bundled with tldextract. An e-mail address is not a link.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import re2

from veilleur.domain.rules.document import DomainList
from veilleur.domain.rules.signals.mapped import Span

MAX_LINKS = 50
"""Links of one text that are looked at."""


@dataclass(frozen=True, slots=True)
class Link:
    """`host` and `domain` (the registered one) in lower case; an address given as a number is its own domain."""

    host: str
    domain: str
    span: Span


def find_links(text: str) -> tuple[Link, ...]:
    """The links of a text in order, with their places."""
    if not _MAYBE.search(text):
        return ()
    links: list[Link] = []
    for match in _LINK.finditer(text if text.isascii() else text.translate(_WIDTH)):
        link = _read_link(match)
        if link is not None:
            links.append(link)
            if len(links) == MAX_LINKS:
                break
    return tuple(links)


def find_listed(links: Sequence[Link], domains: frozenset[str]) -> list[Span]:
    """The links whose host is one of the domains or below it."""
    return [link.span for link in links if not domains.isdisjoint(_list_parents(link.host))]


def count_shorteners(links: Sequence[Link]) -> int:
    """How many of the links lead through a service that hides where they end."""
    return sum(not _SHORTENERS.isdisjoint(_list_parents(link.host)) for link in links)


def read_domain(entry: str) -> str | None:
    """An entry of a domain list as it is compared, or None when it is no host name: `Example.com.` → `example.com`."""
    host = entry.translate(_WIDTH).lower().removesuffix(".")
    return host if _HOST.fullmatch(host) else None


def collect_domains(domains: DomainList) -> frozenset[str]:
    return frozenset(host for host in map(read_domain, domains.entries) if host)


_MAYBE = re2.compile(r"(?i)[\pL\pN][.．。｡][\pL\pN]|[(\[（［]\s?(?:[.．。｡]|dot|point)|://|[Ａ-Ｚａ-ｚ０-９][^\s]")
"""Cheap and generous: a text without has no link."""

_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {ord("。"): ord("."), ord("｡"): ord(".")}

_DOT = r"(?:\.|\s?[\[(]\s?(?:\.|dot|point)\s?[\])]\s?)"
_LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"
_LINK = re.compile(
    rf"(?<![\w@.-])(?P<scheme>https?://|www\.)?"
    rf"(?P<host>(?:{_LABEL}{_DOT}){{1,8}}[^\W\d_]{{2,24}}|(?<=://)\d{{1,3}}(?:\.\d{{1,3}}){{3}})(?![\w@-])"
    r"(?::\d{1,5})?(?P<path>[/?#][^\s<>\"]*)?",
    re.IGNORECASE,
)
_HOST = re.compile(rf"(?:{_LABEL}\.){{1,8}}[^\W\d_]{{2,24}}|(?:{_LABEL}\.){{1,8}}xn--[a-z0-9-]{{2,59}}")
_SPELLED_DOT = re.compile(_DOT, re.IGNORECASE)

_ALSO_WORDS = frozenset(
    {
        "am", "as", "at", "be", "by", "ca", "de", "do", "es", "et", "id", "il", "im", "in", "is", "it", "je", "la",
        "li", "lu", "ma", "me", "mu", "my", "ne", "no", "nu", "pas", "pm", "re", "sa", "se", "sh", "si", "so", "st",
        "tf", "tm", "tn", "to", "us", "va", "vu",
    }
)  # fmt: skip
"""Endings that are words: `fin.je` is a missing space unless a scheme, `www` or a path says otherwise."""

_SHORTENERS = frozenset(
    {
        "adf.ly", "bc.vc", "bit.do", "bit.ly", "bitly.com", "bl.ink", "buff.ly", "clck.ru", "cli.gs", "cutt.ly",
        "fb.me", "goo.gl", "goo.su", "is.gd", "j.mp", "lnkd.in", "mcaf.ee", "ow.ly", "qr.ae", "rb.gy",
        "rebrand.ly", "s.id", "shorte.st", "shorturl.at", "snip.ly", "soo.gd", "surl.li", "t.co", "t.ly", "t2m.io",
        "tiny.cc", "tiny.one", "tinyurl.com", "tr.im", "u.to", "urlz.fr", "v.gd", "vk.cc", "x.co",
    }
)  # fmt: skip


def _read_link(match: re.Match[str]) -> Link | None:
    host = _SPELLED_DOT.sub(".", match["host"]).lower()
    start, end = match.span()
    if match["path"]:
        end -= len(match["path"]) - len(match["path"].rstrip(".,;:!?)]}»'\"…"))
    if host[-1].isdigit():
        return Link(host, host, (start, end))
    suffix = _load_suffixes()(host) or (host.rpartition(".")[2] if match["scheme"] or host.endswith(".example") else "")
    domain = _cut_domain(host, suffix)
    if not suffix or domain is None:
        return None
    plain = not match["scheme"] and not match["path"]
    if plain and _looks_like_prose(match["host"], suffix):
        return None
    return Link(host, domain, (start, end))


@cache
def _load_suffixes() -> Callable[[str], str]:
    """What finds a host's public suffix. Loaded for the first link: a worker that starts need not wait for it."""
    from tldextract import TLDExtract  # noqa: PLC0415 - brings an HTTP client along that nobody uses

    extract = TLDExtract(suffix_list_urls=(), cache_dir=None)
    return lambda host: str(extract(host).suffix)


def _cut_domain(host: str, suffix: str) -> str | None:
    """The registered domain: one label more than the suffix."""
    label = host.removesuffix(suffix).rstrip(".").rpartition(".")[2]
    return f"{label}.{suffix}" if label else None


def _looks_like_prose(host: str, suffix: str) -> bool:
    """`…la fin.La suite…`: an ending that is a word, or one that starts a sentence."""
    ending = re.split(_SPELLED_DOT, host)[-1]
    capital = ending[0].isupper() and not ending.isupper()
    return capital or suffix in _ALSO_WORDS


def _list_parents(host: str) -> list[str]:
    labels = host.split(".")
    return [".".join(labels[index:]) for index in range(len(labels))]
