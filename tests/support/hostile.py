"""A corpus of bodies that no caller of good will sends."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

BROKEN_NUMBERS = [
    "01",
    "+1",
    ".5",
    "1.",
    "0x1",
    "1e",
    "1e+",
    "--1",
    "1_000",
    "1,5",
    "٣",
    "１",
    "∞",
    "-Infinity",
    "-NaN",
    "nan",
    "1e1000000",
    "1E400",
    "-0x1",
    "0b1",
    "0o7",
    "1f",
    "1n",
]
BROKEN_WORDS = [
    "True",
    "None",
    "undefined",
    "nul",
    "tru",
    "falsee",
    "NULL",
    "'a'",
    "`a`",
    "/a/",
    "a",
    "@a",
    "{{a}}",
    "${a}",
    "<a>",
    "\\u0022a\\u0022",
]
BROKEN_TEXTS = [
    b"\\x41",
    b"\\u12",
    b"\\uZZZZ",
    b"\\",
    b"\n",
    b"\t",
    b"\x00",
    b"\x1f",
    b"\x80",
    b"\xc0\xaf",
    b"\xf4\x90\x80\x80",
    b"\xed\xb0\x80",
]
BROKEN_SHAPES = [
    b'{"a": 1,}', b"[1,]", b"[,1]", b"[1 2]", b'{"a" 1}', b"{a: 1}", b'{"a": 1 "b": 2}', b'{"a": 1;}', b"{1: 2}", b"[1}",
    b"{]", b'{"a": /* x */ 1}', b'{"a": 1} // x', b"# x\n{}", b"{}\x00", b"\x00{}", b"\xfe\xff\x00{\x00}", b"+ADw-", b"[]]",
    b'{"a": 1}\n{"b": 2}', b'\x1e{"a": 1}', b"\x1f\x8b\x08", b"PK\x03\x04", b"---\na: 1\n", b"!!python/object:os.system x",
    b"[" * 16 + b'{"a":' * 16 + b"1" + b"}" * 16 + b"]" * 16, b'{"a": {"b": 1, "b": 2}}', b'[{"a": 1, "\\u0061": 2}]',
]  # fmt: skip

RAW: list[bytes] = [
    b"",
    b" ",
    b"null",
    b"true",
    b"0",
    b'""',
    b"[]",
    b"{}",
    b"[[]]",
    b"[{}]",
    b"{",
    b"}",
    b'{"a"',
    b'{"a":}',
    b"{}{}",
    b"{} trailing",
    b"'single'",
    b"<a/>",
    b"a=b&c=d",
    b"--boundary\r\n\r\n--boundary--",
    b"%PDF-1.7",
    b"\x00",
    b"\xff\xfe",
    b"\xef\xbb\xbf{}",
    b'{"a": "\xff"}',
    b'{"a": "\xed\xa0\x80"}',
    "{}".encode("utf-16"),
    "{}".encode("utf-32"),
    b'{"a": NaN}',
    b'{"a": Infinity}',
    b'{"a": 1e999}',
    b'{"a": -1e999}',
    b'{"a": 9007199254740993}',
    b'{"a": ' + b"9" * 5_000 + b"}",
    b'{"a": 0.' + b"1" * 5_000 + b"}",
    b'{"a": 1e-999999999}',
    b'{"a": "\\u0000"}',
    b'{"\\u0000": 1}',
    b'{"a": "\\ud800"}',
    b'{"\\udfff": 1}',
    b'{"a": 1, "a": 2}',
    b'{"": {"": {"": ""}}}',
    b'{"__proto__": {"a": 1}}',
    b'{"$ref": "#"}',
    b"[" * 200_000,
    b'{"a":' * 40_000,
    b"[" * 32 + b"]" * 32,
    b"[" * 33 + b"]" * 33,
    b"[" + b"0," * 100_000 + b"0]",
    b'{"' + b"k" * 200_000 + b'": 1}',
    b'"' + b"s" * 200_000 + b'"',
    json.dumps({f"k{number}": number for number in range(5_000)}).encode(),
    gzip.compress(b"{}"),
]
"""Sent as they are."""
RAW += [f'{{"a": {number}}}'.encode() for number in BROKEN_NUMBERS]
RAW += [f'{{"a": {word}}}'.encode() for word in BROKEN_WORDS]
RAW += [b'{"a": "' + text + b'"}' for text in BROKEN_TEXTS]
RAW += BROKEN_SHAPES

VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**31,
    2**53,
    -(2**53),
    0.5,
    -0.0,
    1e-300,
    "",
    " ",
    "x" * 10_000,
    "é" * 70_000,
    "\u0001\u001b[2J\u007f",
    "\ufeff\u202e\u2028\uffff",
    "😀" * 300,
    "'; DROP TABLE items; --",
    "%s %(x)s {0} {x!r} ${y}",
    "../../etc/passwd",
    "cli_" + "z" * 26,
    "2026-02-30T25:61:61Z",
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    "http://[",
    "^(a+)+$",
    [],
    {},
    [[]],
    [None],
    [{}],
    {"a": None},
    {"a": {"b": {"c": []}}},
    ["x"] * 300,
    [0] * 300,
    {str(number): number for number in range(300)},
]
"""Each put into every field of a body at once."""

SHARP: list[Any] = [
    None,
    True,
    -1,
    2**53,
    0.5,
    "",
    "\u0001\u202e\uffff😀",
    "x" * 10_000,
    "9999-12-31T23:59:59-23:59",
    "0001-01-01T00:00:00+23:59",
    [None],
    {"a": {"b": {"c": []}}},
]
"""Each put into one place of a good body at a time."""


def spoil(good: Any, value: Any) -> Iterator[Any]:
    """`good` with one of its parts, at any depth, replaced by `value`."""
    if isinstance(good, dict):
        for name, part in good.items():
            yield good | {name: value}
            yield from (good | {name: spoiled} for spoiled in spoil(part, value))
    elif isinstance(good, list):
        for part in good:
            yield [value]
            yield from ([spoiled] for spoiled in spoil(part, value))
