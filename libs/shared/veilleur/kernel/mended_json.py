"""JSON from platforms that pass on what their members typed: half an emoji or a NUL must not lose the whole delivery.

What `strict_loads` takes is read the same. Of the rest, bytes and characters that no text can hold become U+FFFD, the
last of several equal keys counts, whole numbers that are too large become text, and `NaN` is null. What is no JSON at
all, too deep or too large is refused as there.
"""

import json
from typing import Any

from veilleur.kernel.errors import Malformed
from veilleur.kernel.strict_json import MAX_NUMBER, UNSTORABLE, Json, check_size, strict_loads

MAX_DEPTH = 64
MAX_NODES = 200_000


def mended_loads(raw: bytes) -> Json:
    """Read one JSON document, mended where it can be; else `Malformed` (400)."""
    try:
        return strict_loads(raw, max_depth=MAX_DEPTH, max_nodes=MAX_NODES)
    except Malformed as malformed:
        check_size(raw, MAX_DEPTH, MAX_NODES)
        try:
            return _mend(_DECODER.decode(raw.decode(errors="replace").removeprefix("\ufeff")))
        except json.JSONDecodeError:
            raise malformed from None


def _mend(value: Any) -> Json:
    if isinstance(value, str):
        return UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_mend(entry) for entry in value]
    if isinstance(value, dict):
        return {UNSTORABLE.sub("\ufffd", key): _mend(entry) for key, entry in value.items()}
    kept: Json = value
    return kept


def _read_integer(digits: str) -> int | str:
    return digits if len(digits) > len(str(-MAX_NUMBER)) or abs(int(digits)) > MAX_NUMBER else int(digits)


def _read_fraction(digits: str) -> float | None:
    value = float(digits)
    return value if abs(value) <= MAX_NUMBER else None


def _read_constant(_name: str) -> None:
    return None


_DECODER = json.JSONDecoder(parse_int=_read_integer, parse_float=_read_fraction, parse_constant=_read_constant)
