import json

import pytest

from veilleur.domain.rules.source import MAX_CHARACTERS, read_source
from veilleur.domain.rules.yaml_events import read_plain
from veilleur.kernel.errors import Invalid


def refusal(source):
    with pytest.raises(Invalid) as refused:
        read_source(source)
    (error,) = refused.value.errors
    return refused.value.slug, error.pointer, error.line, error.column, str(error.detail)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("null", None), ("~", None), ("", None),
        ("true", True), ("FALSE", False), ("yes", "yes"), ("on", "on"), ("no", "no"), ("y", "y"),
        ("7", 7), ("-7", -7), ("0o17", 15), ("0x1F", 31), ("017", 17), ("1_000", "1_000"), ("1:30", "1:30"),
        ("0.85", 0.85), (".5", 0.5), ("1.", 1.0), ("1e3", 1000.0), ("2026-11-22", "2026-11-22"), ("=", "="),
    ],
)  # fmt: skip
def test_plain_scalars_mean_what_yaml_1_2_says_not_1_1(written, value):
    read = read_plain(written)
    assert read == value
    assert type(read) is type(value)


def test_quoted_scalars_are_text_and_keys_are_text():
    assert read_source("7: '7'\nnull: \"true\"\n").value == {"7": "7", "null": "true"}


def test_yaml_and_json_text_and_an_object_read_the_same():
    value = {"a": [1, 0.5, "é🙂", None, True, {}], "b": {"c": []}}
    as_yaml = 'a: [1, 0.5, "é🙂", null, true, {}]\nb:\n  c: []\n'
    flow = '{a: [1, 0.5, "é🙂", null, true, {}], b: {c: []}}'
    sources = [value, as_yaml, flow, json.dumps(value), json.dumps(value, ensure_ascii=False, indent="\t")]
    assert [read_source(source).value for source in sources] == [value] * 5


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("a: [1", ("rule-set-syntax", "", 2, 1, "is not YAML: did not find expected ',' or ']'")),
        ("a: 1\n b: 2", ("rule-set-syntax", "", 2, 3, "is not YAML: mapping values are not allowed in this context")),
        ('{"a": 1,\n "b" 2}', ("rule-set-syntax", "", 2, 6, "is not JSON: Expecting ':' delimiter")),
        ("a: 1\nb: 2\na: 3", ("rule-set-syntax", "", 3, 1, "the key a stands here twice")),
        ('{"a": 1,\n "b": {"c": 1, "c": 2}}', ("rule-set-syntax", "", 2, 16, "the key c stands here twice")),
        ("a: &x 1\nb: *x", ("rule-set-syntax", "", 1, 4, "anchors and aliases are not read here")),
        ("a: !!python/object:os.system x", ("rule-set-syntax", "", 1, 4, "tags are not read here")),
        ("a: 1\n---\nb: 2", ("rule-set-syntax", "", 2, 1, "holds more than one document")),
        ("? [a]\n: 1", ("rule-set-syntax", "", 1, 3, "a key must be text")),
        ("a: [1, .nan]", ("rule-set-number", "/a/1", 1, 8, "NaN and Infinity are no JSON numbers")),
        ('{"a": [1, Infinity]}', ("rule-set-number", "/a/1", 1, 11, "NaN and Infinity are no JSON numbers")),
        ('{"a": 9007199254740993}', ("rule-set-number", "/a", 1, 7, "holds a whole number beyond ±2^53")),
        ('{"a": 1e999}', ("rule-set-number", "/a", 1, 7, "NaN and Infinity are no JSON numbers")),
        ("a: " + "9" * 5_000, ("rule-set-number", "/a", 1, 4, "holds a whole number beyond ±2^53")),
        ('{"a": ' + "9" * 5_000 + "}", ("rule-set-number", "/a", 1, 7, "holds a whole number beyond ±2^53")),
        ('{"a": "\\u0000"}', ("rule-set-character", "/a", 1, 7, "holds a character that can't be stored")),
        ('{"a": "\\ud800"}', ("rule-set-character", "/a", 1, 7, "holds a character that can't be stored")),
        ("a: \ud800", ("rule-set-syntax", "", 1, 4, "holds a character that can't be stored")),
        ("b\na: \x07", ("rule-set-syntax", "", 2, 4, "holds a character that can't be stored")),
        ({"a": {1: 2}}, ("rule-set-type", "/a", None, None, "a key must be text")),
        ({"a": object()}, ("rule-set-type", "/a", None, None, "holds something that is not JSON")),
        ({"a": float("nan")}, ("rule-set-number", "/a", None, None, "NaN and Infinity are no JSON numbers")),
    ],
)
def test_what_is_refused_is_refused_where_it_stands(source, expected):
    assert refusal(source) == expected


@pytest.mark.parametrize("source", ["[" * 100_000, '{"a":' * 100_000, "- " * 100_000])
def test_nesting_bombs_are_refused_by_depth(source):
    assert "nested" in refusal(source)[4]


@pytest.mark.parametrize("source", ["{a: " * 100_000, "? " * 100_000, "[" * 100_000 + "]" * 100_000, "{" * 100_000])
def test_bombs_that_are_no_documents_are_refused_as_well(source):
    assert refusal(source)[0] == "rule-set-syntax"


def test_nested_objects_are_refused_by_depth():
    value = []
    for _ in range(2_000):
        value = [value]
    assert refusal(value)[0] == "rule-set-too-deep"


def test_too_many_values_and_too_long_a_text_are_refused():
    assert refusal("- a\n" * 310_000)[4] == "holds more than 300000 values"
    assert refusal([0] * 300_001)[0] == "rule-set-too-large"
    assert refusal(" " * (MAX_CHARACTERS + 1))[0] == "rule-set-too-long"
    assert refusal({"a": "x" * (MAX_CHARACTERS + 1)})[0] == "rule-set-too-large"


def test_an_alias_bomb_is_refused_at_its_first_anchor():
    bomb = "a: &a [x, x]\n" + "".join(
        f"{name}: &{name} [*{last}, *{last}]\n" for last, name in zip("abcdefg", "bcdefgh", strict=True)
    )
    assert refusal(bomb)[2:] == (1, 4, "anchors and aliases are not read here")
