"""Identifiers: UUIDv7 inside, a prefixed name outside (`itm_01…`).

The outside form is the prefix and the 26 characters of the UUID in Crockford's base 32 (lower case), which sorts as
the UUID does.
"""

import os
import time
from typing import Literal
from uuid import UUID

from veilleur.kernel.errors import NotFound
from veilleur.kernel.messages import msg

Prefix = Literal[
    "idp", "idn", "ses", "bgl",
    "agc", "cli", "src", "itm", "cas", "asg", "dec", "dlv", "evt", "rul", "inv", "mem", "key", "end", "que", "cal",
    "sla", "usg", "aud", "pol", "act", "sec", "mac", "rev", "rtr", "shf", "abs", "qst",
    "rpl", "ctr", "prd", "uen", "rcn", "thr", "alr", "alm", "bkt", "lst", "clk", "med", "hld", "prv", "pac", "ers",
    "ofb", "quo", "pay", "brn", "cst", "iml",
]  # fmt: skip

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
"""Two characters at once: ids are shown and read in every request."""
_VALUES = {pair: value for value, pair in enumerate(_PAIRS)}
_PLACES = range(120, -1, -10)
_LENGTH = 26


def new_id() -> UUID:
    """A UUIDv7 (RFC 9562 5.7): 48 bits of milliseconds, then randomness."""
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & 0xFFFFFFFFFFFF) << 80
    value |= 0x7 << 76 | (random >> 64 & 0xFFF) << 64
    value |= 0b10 << 62 | random & 0x3FFFFFFFFFFFFFFF
    return UUID(int=value)


def show_id(prefix: Prefix, identifier: UUID) -> str:
    """`show_id("itm", uuid)` → `itm_06f…`."""
    value = identifier.int
    return f"{prefix}_{''.join([_PAIRS[value >> place & 1023] for place in _PLACES])}"


def parse_id(prefix: Prefix, shown: str) -> UUID | None:
    """The UUID behind a shown id, or None when it is not one of this kind."""
    head, _, tail = shown.partition("_")
    if head != prefix or len(tail) != _LENGTH:
        return None
    value = 0
    for start in range(0, _LENGTH, 2):
        pair = _VALUES.get(tail[start : start + 2])
        if pair is None:
            return None
        value = value << 10 | pair
    return UUID(int=value) if value < 1 << 128 else None


def read_id(prefix: Prefix, shown: str) -> UUID:
    """As `parse_id`; an id that can't be one is `NotFound`, like one that names nothing."""
    identifier = parse_id(prefix, shown)
    if identifier is None:
        raise NotFound(msg("There is no {id} here", id=shown[:64]))
    return identifier
