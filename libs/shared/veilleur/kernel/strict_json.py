"""JSON from strangers: bytes go in, and either a value every part of the house can store comes out, or `Malformed`.

The standard parser is lenient where a database, another language or a second parser is not: it takes `NaN`, `1e999`,
NUL, half surrogate pairs and a key given twice, and it recurses as deep as the sender likes. Here these are mistakes,
each reported with a pointer to it. Sizes are judged before anything is parsed, so that a bomb costs one scan.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NoReturn, TypeAlias

from veilleur.kernel.errors import InputError, Malformed
from veilleur.kernel.messages import Message, msg

Json: TypeAlias = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

MAX_NUMBER = 2**53
"""The last whole number that every JSON reader keeps exact (RFC 8259, 6)."""


@dataclass(frozen=True, slots=True)
class _Flaw:
    """Stands in the parsed tree in place of what can't be accepted, so that the way to it is its pointer."""

    detail: Message
    hint: Message | None = None


_Tree: TypeAlias = "Json | _Flaw"


class _FlawError(Exception):
    """The document has a flaw that only a second, slower reading can locate."""


def strict_loads(raw: bytes, *, max_depth: int = 32, max_nodes: int = 20_000) -> Json:
    """Read one JSON document.

    `max_depth` is how many arrays and objects may stand inside each other; `max_nodes` how many values the document
    may hold, where an empty array or object counts twice.

    Raises `Malformed` (400) with up to 20 `errors`: a pointer for what is wrong with a value, line and column for what
    is not JSON at all. Values are never repeated in the messages, numbers excepted.
    """
    if not raw.strip():
        _refuse(msg("the body is empty"), msg("send a JSON document"))
    check_size(raw, max_depth, max_nodes)
    text = _decode(raw)
    try:
        try:
            value: Json = _STRICT.decode(text)
        except _FlawError:
            raise _collect(_TOLERANT.decode(text)) from None
    except json.JSONDecodeError as error:
        raise _explain(error) from None
    if b"\\u" in raw and _UNSTORABLE_ESCAPE.search(raw.replace(b"\\\\", b"__")):
        raise _collect(value)
    return value


def canonical_bytes(value: Json) -> bytes:
    """One spelling for equal documents: keys sorted by code point, no spaces, UTF-8, numbers as Python prints them.

    `1` and `1.0` are different documents here, as they are to a sender who changed one into the other. Raises
    `ValueError` for what `strict_loads` would never have returned (NaN, half surrogate pairs).
    """
    return _CANONICAL.encode(value).encode()


def canonical_digest(value: Json) -> bytes:
    """SHA-256 of `canonical_bytes`, 32 bytes."""
    return hashlib.sha256(canonical_bytes(value)).digest()


def extend_pointer(pointer: str, step: str | int) -> str:
    """A JSON Pointer (RFC 6901) one step on: a key or an index.

    A key that can't be shown, because it is long or holds half a surrogate pair, leaves the pointer at its object.
    """
    key = str(step)
    if len(key) > _LONGEST_KEY_SHOWN or UNSTORABLE.search(key):
        return pointer
    return f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"


_BOM = b"\xef\xbb\xbf"
_MOST_ERRORS = 20
_LONGEST_INTEGER = len(str(-MAX_NUMBER))
_LONGEST_KEY_SHOWN = 128
_NUMBER_SHOWN = 40

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_UNSTORABLE_ESCAPE = re.compile(
    rb"\\u(?:0000"
    rb"|[dD][89abAB]..(?!\\u[dD][c-fC-F])"  # a high surrogate without its low one
    rb"|(?<!\\u[dD][89abAB]..\\u)[dD][c-fC-F])",  # a low one without its high one
)
_NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
_OPENING = frozenset(b"[{")
_PIECE = 65_536

_SYNTAX = {
    "Expecting value": msg("a value is missing here"),
    "Expecting property name enclosed in double quotes": msg("a key in double quotes is missing here"),
    "Expecting ':' delimiter": msg("a colon is missing here"),
    "Expecting ',' delimiter": msg("a comma or a closing bracket is missing here"),
    "Unterminated string starting at": msg("this string has no end"),
    "Invalid control character at": msg("a control character stands here as it is; write it as an escape"),
    "Invalid \\escape": msg("this escape does not exist"),
    "Invalid \\uXXXX escape": msg("this escape needs four hexadecimal digits"),
    "Extra data": msg("something follows the end of the document"),
    "Illegal trailing comma before end of object": msg("a comma stands before the end"),
    "Illegal trailing comma before end of array": msg("a comma stands before the end"),
}


def _refuse(detail: Message, hint: Message | None = None) -> NoReturn:
    raise Malformed(detail, errors=[InputError("", detail, hint)])


def _decode(raw: bytes) -> str:
    if raw.startswith(_BOM):
        _refuse(msg("the body starts with a byte order mark"), msg("send UTF-8 without it"))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        _refuse(msg("byte {position} is not UTF-8", position=error.start), msg("send UTF-8"))


def check_size(raw: bytes, max_depth: int, max_nodes: int) -> None:
    """Refuse by depth and number of values. Counting bytes settles most bodies; the others lose their strings first."""
    openings, values = _count(raw)
    if openings <= max_depth and values < max_nodes:
        return
    depth = total = 0
    for piece in _strip_strings(raw):
        total += _count(piece)[1]
        if total >= max_nodes:
            _refuse(msg("the document holds more than {limit} values", limit=max_nodes))
        for bracket in piece.translate(None, _NOT_BRACKETS):
            depth += 1 if bracket in _OPENING else -1
            if depth > max_depth:
                _refuse(msg("the document is nested more than {limit} levels deep", limit=max_depth))


def _count(document: bytes) -> tuple[int, int]:
    """Arrays and objects, and how many values stand in them at most: one after each opening bracket and each comma."""
    openings = document.count(b"[") + document.count(b"{")
    return openings, openings + document.count(b",")


def _strip_strings(raw: bytes) -> Iterator[bytes]:
    """What stands outside strings, a piece at a time: a body of millions of strings must not be split all at once.

    Where `raw` is not JSON the answer may be wrong, but only beyond the point at which the parser gives up.
    """
    plain = raw.replace(b"\\\\", b"").replace(b'\\"', b"")
    inside = 0
    for start in range(0, len(plain), _PIECE):
        parts = plain[start : start + _PIECE].split(b'"')
        yield b"".join(parts[inside::2])
        inside ^= (len(parts) - 1) & 1


def _explain(error: json.JSONDecodeError) -> Malformed:
    reason = _SYNTAX.get(error.msg.removesuffix(":"), msg("this is not JSON"))
    line, column = error.lineno, error.colno
    detail = msg("not JSON at line {line}, column {column}: {reason}", line=line, column=column, reason=reason)
    return Malformed(detail, errors=[InputError("", reason, line=line, column=column)])


def _collect(tree: _Tree) -> Malformed:
    errors = list(islice(_find_flaws(tree, ""), _MOST_ERRORS))
    return Malformed(msg("the body holds what JSON from outside may not"), errors=errors)


def _find_flaws(tree: _Tree, pointer: str) -> Iterator[InputError]:
    """Every flaw with its pointer, in document order; the depth was bounded before."""
    mend = msg("remove the character")
    if isinstance(tree, _Flaw):
        yield InputError(pointer, tree.detail, tree.hint)
    elif isinstance(tree, str):
        if UNSTORABLE.search(tree):
            yield InputError(pointer, msg("holds a NUL or half a surrogate pair"), mend)
    elif isinstance(tree, list):
        for index, entry in enumerate(tree):
            yield from _find_flaws(entry, extend_pointer(pointer, index))
    elif isinstance(tree, dict):
        for key, entry in tree.items():
            if UNSTORABLE.search(key):
                yield InputError(pointer, msg("a key holds a NUL or half a surrogate pair"), mend)
            yield from _find_flaws(entry, extend_pointer(pointer, key))


def _read_object(pairs: list[tuple[str, Json]]) -> Json:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise _FlawError
    return result


def _read_integer(digits: str) -> int:
    if len(digits) > _LONGEST_INTEGER:
        raise _FlawError
    value = int(digits)
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise _FlawError
    return value


def _read_fraction(digits: str) -> float:
    value = float(digits)
    if not -MAX_NUMBER <= value <= MAX_NUMBER:
        raise _FlawError
    return value


def _read_constant(_name: str) -> NoReturn:
    raise _FlawError


def _tolerate_object(pairs: list[tuple[str, _Tree]]) -> dict[str, _Tree]:
    result: dict[str, _Tree] = {}
    for key, value in pairs:
        result[key] = _Flaw(msg("this key is given twice"), msg("keep one of them")) if key in result else value
    return result


def _tolerate_integer(digits: str) -> int | _Flaw:
    try:
        return _read_integer(digits)
    except _FlawError:
        return _too_large(digits)


def _tolerate_fraction(digits: str) -> float | _Flaw:
    try:
        return _read_fraction(digits)
    except _FlawError:
        return _too_large(digits)


def _tolerate_constant(name: str) -> _Flaw:
    return _Flaw(msg("{number} is no JSON number", number=name), msg("send a number or null"))


def _too_large(digits: str) -> _Flaw:
    shown = digits if len(digits) <= _NUMBER_SHOWN else digits[:_NUMBER_SHOWN] + "…"
    return _Flaw(msg("{number} is beyond ±2^53", number=shown), msg("send large numbers as strings"))


_STRICT = json.JSONDecoder(
    object_pairs_hook=_read_object,
    parse_int=_read_integer,
    parse_float=_read_fraction,
    parse_constant=_read_constant,
)
_TOLERANT = json.JSONDecoder(
    object_pairs_hook=_tolerate_object,
    parse_int=_tolerate_integer,
    parse_float=_tolerate_fraction,
    parse_constant=_tolerate_constant,
)
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
