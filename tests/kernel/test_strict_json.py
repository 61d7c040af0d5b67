import json
import math
import string
import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veilleur.kernel.errors import Malformed
from veilleur.kernel.strict_json import MAX_NUMBER, canonical_bytes, canonical_digest, extend_pointer, strict_loads

ACCEPTED = [
    (b"null", None),
    (b" true\n", True),
    (b"-0", 0),
    (b"0.5", 0.5),
    (b"1e3", 1000.0),
    (b"1e-999", 0.0),
    (b"9007199254740992", MAX_NUMBER),
    (b"-9007199254740992", -MAX_NUMBER),
    (b"9007199254740992.0", float(MAX_NUMBER)),
    (b'""', ""),
    (b'{"":{"":1}}', {"": {"": 1}}),
    (b'{"a":1,"A":2}', {"a": 1, "A": 2}),
    ('{"é":"日本 😀"}'.encode(), {"é": "日本 😀"}),
    (b'"\\u00e9\\ud83d\\ude00\\u0001"', "é😀\u0001"),
    (b'"\\\\u0000 \\\\ud800"', "\\u0000 \\ud800"),
    (b'"\\\\\\\\ud800 [[[["', "\\\\ud800 [[[["),
    (b'"\\ud83d\\ude00\\ud83d\\ude00"', "😀😀"),
    (b'["' + b"[" * 100 + b'"]', ["[" * 100]),
    (b'["\\"' + b"[" * 100 + b'"]', ['"' + "[" * 100]),
    (b'"\xef\xbf\xbf \xf4\x8f\xbf\xbf"', "\uffff \U0010ffff"),
]

SYNTAX = [
    b"{", b"[", b"}", b"]", b"{]", b"[}", b'"', b"'a'", b"{a:1}", b"{'a':1}", b"[1,]", b'{"a":1,}', b"[,1]", b"[1 2]",
    b'{"a" 1}', b'{"a":}', b'{"a"}', b"{,}", b"1 2", b"[] []", b"{}x", b"tru", b"True", b"nul", b"None", b"undefined",
    b"01", b"+1", b".5", b"5.", b"1e", b"0x10", b"1_000", b"--1", b"- 1", b"// c\n1", b"/* c */ 1", b"[1]//", b"#",
    b'"\t"', b'"\n"', b'"\x01"', b'"\x7f', b'"\\x41"', b'"\\u12"', b'"\\u12g4"', b'"\\', b'"\\"', b'"a\\', b"\\",
    b'"a"b"', b"\x00", b"[\x00]", b'"\x00"', b'{"\x00":1}', b"\x0b1", b"\x0c1", b"\xc2\xa01", b"\xe2\x80\xa81",
    b'{"a":1 "b":2}', b"[1;2]", b"(1)", b"<a/>", b"a=1&b=2", b"--boundary", b"[1][", b'{"a":[}', b"{[]:1}", b"{1:1}",
    b'["\\"', b'{"a":"b', b"\x1f\x8b\x08\x00",
]  # fmt: skip

NOT_UTF8 = [
    b"\xff", b'"\xff"', b'"\x80"', b'"\xc0\x80"', b'"\xe9"', b'"\xed\xa0\x80"', b'"\xed\xa0\xbd\xed\xb8\x80"',
    b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b"\xff\xfe[\x00]\x00", b"\xfe\xff\x00[\x00]", '"é"'.encode("latin-1"),
]  # fmt: skip

ENCODINGS = ["[1]".encode(encoding) for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig")]

FLAWED = [
    (b"NaN", ""),
    (b"[Infinity]", "/0"),
    (b'{"a":-Infinity}', "/a"),
    (b"1e999", ""),
    (b"-1e999", ""),
    (b'{"n":[0,1e131071]}', "/n/1"),
    (b"9007199254740993", ""),
    (b"-9007199254740993", ""),
    (b"9007199254740994.0", ""),
    (b"1e16", ""),
    (b"[" + b"9" * 5_000 + b"]", "/0"),
    (b"[-" + b"9" * 5_000 + b"]", "/0"),
    (b"[" + b"9" * 5_000 + b".5]", "/0"),
    (b"12345678901234567", ""),
    (b'{"a":1,"a":1}', "/a"),
    (b'{"a":1,"\\u0061":2}', "/a"),
    (b'{"x":[{"a":{},"b":0,"a":{}}]}', "/x/0/a"),
    (b'{"a/b":1,"a/b":2}', "/a~1b"),
    (b'{"a~b":1,"a~b":2}', "/a~0b"),
    (b'{"":1,"":2}', "/"),
    (b'"\\u0000"', ""),
    (b'["a","b\\u0000"]', "/1"),
    (b'{"a":{"b\\u0000":1}}', "/a"),
    (b'"\\ud800"', ""),
    (b'"\\uDFFF"', ""),
    (b'"\\udc00\\ud800"', ""),
    (b'"\\ud83d\\ud83d\\ude00"', ""),
    (b'"\\ud83d\\ude00\\ude00"', ""),
    (b'"\\ud83d\\\\\\ude00"', ""),
    (b'"\\ud83d\\\\\\\\ude00"', ""),
    (b'"\\ud83d x \\ude00"', ""),
    (b'{"k":"\\ud800"}', "/k"),
    (b'{"\\ud800":1}', ""),
    (b'{"a":{"\\udfff":NaN}}', "/a"),
]

DEEP = [
    b"[" * 33,
    b"[" * 33 + b"]" * 33,
    b'{"a":' * 33 + b"1" + b"}" * 33,
    b'[{"a":' * 17,
    b"[" * 100_000,
    b'{"":' * 100_000,
]
MANY = [b"[" + b"1," * 20_000 + b"1]", b"[" + b"[]," * 20_000 + b"1]", b"[" + b"{}," * 20_000 + b"1]"]
EMPTY = [b"", b" ", b"\r\n\t "]

CORPUS = [*SYNTAX, *NOT_UTF8, *ENCODINGS, *(body for body, _ in FLAWED), *DEEP, *MANY, *EMPTY]


def refusal(raw: bytes) -> Malformed:
    with pytest.raises(Malformed) as caught:
        strict_loads(raw)
    return caught.value


@pytest.mark.parametrize(("raw", "value"), ACCEPTED, ids=lambda case: repr(case)[:40])
def test_ordinary_json_is_read_as_it_is(raw, value):
    assert strict_loads(raw) == value
    assert type(strict_loads(raw)) is type(value)


def test_the_corpus_of_hostile_bodies_is_large():
    assert len(set(CORPUS)) >= 100


@pytest.mark.parametrize("raw", CORPUS, ids=lambda raw: repr(raw[:24]))
def test_every_hostile_body_is_malformed_and_can_be_answered(raw):
    problem = refusal(raw)
    assert problem.status == 400
    assert 1 <= len(problem.errors) <= 20
    for error in problem.errors:
        for language in ("en", "fr"):
            answer = [error.pointer, error.detail.render(language), problem.detail.render(language)]
            assert len(json.dumps(answer, ensure_ascii=False).encode()) < 2_000


@pytest.mark.parametrize(("raw", "pointer"), FLAWED, ids=lambda case: repr(case)[:40])
def test_a_flaw_is_found_where_it_stands(raw, pointer):
    assert refusal(raw).errors[0].pointer == pointer


def test_all_flaws_are_reported_at_once():
    problem = refusal(b'{"a":NaN,"b":[1e400,{"c":1,"c":2}],"d":"\\ud800"}')
    assert [error.pointer for error in problem.errors] == ["/a", "/b/0", "/b/1/c", "/d"]


def test_flaws_beyond_the_twentieth_are_left_out():
    assert len(refusal(b"[" + b"NaN," * 500 + b"NaN]").errors) == 20


def test_a_key_too_long_to_show_leaves_the_pointer_at_its_object():
    assert refusal(b'{"o":{"' + b"k" * 10_000 + b'":NaN}}').errors[0].pointer == "/o"


def test_a_syntax_error_has_line_and_column():
    problem = refusal('{"é": 1,\n "b" 2}'.encode())
    assert (problem.errors[0].line, problem.errors[0].column) == (2, 6)
    assert str(problem) == "not JSON at line 2, column 6: a colon is missing here"


def test_a_byte_order_mark_and_bad_utf8_are_named():
    assert "byte order mark" in str(refusal(b"\xef\xbb\xbf[]"))
    assert str(refusal(b'["\xe9"]')) == "byte 2 is not UTF-8"


def test_a_syntax_error_behind_a_flaw_is_the_one_reported():
    assert refusal(b'{"a":1,"a":2,').errors[0].line == 1


def test_a_long_number_is_not_repeated_whole():
    assert len(str(refusal(b"9" * 5_000).errors[0].detail)) < 100


def test_depth_counts_what_stands_inside_each_other():
    assert strict_loads(b"[" * 32 + b"]" * 32)
    assert strict_loads(b"[" + b'{"a":[]},' * 500 + b"0]", max_depth=3)
    with pytest.raises(Malformed, match="more than 2 levels"):
        strict_loads(b"[" + b'{"a":[]},' * 500 + b"0]", max_depth=2)


def test_brackets_and_commas_inside_strings_count_for_nothing():
    body = json.dumps({"text": 'a, "b" [[[ \\ {{{ ' * 20_000, "end": "\\"}).encode()
    assert strict_loads(body)["end"] == "\\"


@pytest.mark.parametrize("shift", range(4))
def test_strings_across_the_pieces_of_the_scan_are_still_strings(shift):
    text = "[" * 40 + "x" * (65_500 + shift) + '\\"' * 50 + "[" * 40
    assert strict_loads(json.dumps([[text]] * 40).encode(), max_depth=2)


def test_the_number_of_values_is_bounded_and_can_be_raised():
    body = json.dumps([{"a": 1, "b": [2, 3]}] * 10_000).encode()
    with pytest.raises(Malformed, match="more than 20000 values"):
        strict_loads(body)
    assert len(strict_loads(body, max_nodes=100_000)) == 10_000


@pytest.mark.parametrize(
    "bomb",
    [
        b"[" * 2**20,
        b'{"a":' * 200_000,
        b"[],{}," * 170_000,
        b'"' * 2**20,
        b'"' + b'\\"' * 2**19,
        b"\\" * 2**20,
        b'"' + b"\\" * (2**20 - 1),
        b'1""' * 350_000,
        b"9" * 2**20,
        b'["' + b"\\ud800" * 170_000 + b'"]',
        b"{" + b'"a":1,' * 19_000 + b'"a":1}',
    ],
    ids=lambda bomb: repr(bomb[:12]),
)
def test_a_bomb_of_a_megabyte_costs_little(bomb):
    start = time.process_time()
    refusal(bomb)
    assert time.process_time() - start < 0.25


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-MAX_NUMBER, MAX_NUMBER)
    | st.floats(-MAX_NUMBER, MAX_NUMBER, allow_nan=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON_VALUES, st.booleans())
def test_what_json_writes_is_read_back(value, escaped):
    assert strict_loads(json.dumps(value, ensure_ascii=escaped).encode(), max_depth=64) == value


@given(JSON_VALUES)
def test_canonical_bytes_are_read_back_and_stay_the_same(value):
    once = canonical_bytes(value)
    assert canonical_bytes(strict_loads(once, max_depth=64)) == once


@given(st.binary(max_size=200))
def test_any_bytes_give_a_value_or_malformed(raw):
    with suppress(Malformed):
        strict_loads(raw)


@given(st.text(st.sampled_from('{}[]",:\\u0dD8cC1eE9.-+NaIt \n\x00é'), max_size=60), st.integers(0, 3))
def test_text_that_looks_like_json_gives_a_storable_value_or_malformed(text, depth):
    try:
        value = strict_loads(text.encode(), max_depth=depth)
    except Malformed:
        return
    assert value == json.loads(text)
    assert "\0" not in "".join(list_strings(value))
    assert measure_depth(value) <= depth
    canonical_bytes(value)


@given(st.lists(st.sampled_from(["\\ud83d", "\\ude00", "\\\\", "\\u0041", "x", "\\n", "\\u0000"]), max_size=8))
def test_half_pairs_and_nul_are_found_in_any_company(parts):
    text = '"' + "".join(parts) + '"'
    storable = all(not 0xD800 <= ord(character) <= 0xDFFF and character != "\0" for character in json.loads(text))
    try:
        strict_loads(text.encode())
    except Malformed:
        assert not storable
    else:
        assert storable


def measure_depth(value):
    children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if children is None else 1 + max(map(measure_depth, children), default=0)


def list_strings(value):
    if isinstance(value, dict):
        return [found for key, entry in value.items() for found in [key, *list_strings(entry)]]
    if isinstance(value, list):
        return [found for entry in value for found in list_strings(entry)]
    return [value] if isinstance(value, str) else []


def test_canonical_bytes_have_one_spelling():
    assert canonical_bytes({"b": [1, 0.5, None], "a": "é/", "B": {}}) == '{"B":{},"a":"é/","b":[1,0.5,null]}'.encode()
    assert canonical_digest({"a": 1, "b": 2}) == canonical_digest({"b": 2, "a": 1})
    assert len(canonical_digest(None)) == 32
    assert canonical_digest({"a": 1}) != canonical_digest({"a": "1"})


@pytest.mark.parametrize("value", [math.nan, math.inf, "\ud800"])
def test_what_is_not_json_has_no_canonical_bytes(value):
    with pytest.raises(ValueError):  # noqa: PT011
        canonical_bytes(value)


def test_pointers_escape_tilde_and_slash():
    assert extend_pointer(extend_pointer("/a", "b~/c"), 3) == "/a/b~0~1c/3"
    assert extend_pointer("", string.ascii_letters * 3) == ""
