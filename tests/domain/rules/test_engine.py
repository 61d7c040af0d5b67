"""The CEL engine: what it answers, and the defects of the binding it is built around."""

import sys
import threading

import pytest

from veilleur.domain.rules.cel_engine import CelEngine
from veilleur.domain.rules.engine import EngineCondition
from veilleur.domain.rules.expressions import read_expression
from veilleur.domain.rules.schema import FieldType

VARIABLES = {
    "n": FieldType.INT,
    "share": FieldType.DOUBLE,
    "text": FieldType.TEXT,
    "flag": FieldType.BOOL,
    "names": FieldType.TEXTS,
    "data": FieldType.MAP,
    "_hits": FieldType.INTS,
    "_patterns": FieldType.FLAGS,
}
VALUES = {
    "n": 3, "share": 0.5, "text": "hello", "flag": True, "names": ["a", "b"], "data": {"k": "1"},
    "_hits": [0, 2], "_patterns": [True, False],
}  # fmt: skip


def condition(text, reads=(), *, alone=False, strict=True):
    return EngineCondition(text, frozenset(reads), alone, strict)


def program(*conditions):
    made = [entry if isinstance(entry, EngineCondition) else condition(entry) for entry in conditions]
    return CelEngine().compile(made, VARIABLES)


def answers(*conditions, unknown=(), **values):
    return program(*conditions).evaluate(VALUES | values, unknown)


def test_conditions_are_answered_in_order():
    assert answers("n == 3", "n > 3", "text.contains('ell')", "_hits[1] == 2", "_patterns[1]", "'b' in names") == [
        True, False, True, True, False, True,
    ]  # fmt: skip


def test_one_failing_condition_leaves_the_others_their_answers():
    assert answers("n == 3", "1 / (n - 3) > 0", "data['nope'] == '1'", "names[7] == 'a'", "flag") == [
        True, None, None, None, True,
    ]  # fmt: skip


def test_an_unknown_variable_makes_unknown_only_what_depends_on_it():
    made = [condition("n < 5", ["n"]), condition("flag", ["flag"]), condition("share < 1.0", ["share"])]
    assert answers(*made, unknown={"n"}, n=0) == [None, True, True]


def test_a_condition_may_be_known_though_a_part_of_it_is_not():
    made = [
        condition("n < 5 || flag", ["n", "flag"], strict=False),
        condition("n < 5 && !flag", ["n", "flag"], strict=False),
        condition("n < 5 && flag", ["n", "flag"], strict=False),
        condition("flag ? true : n < 5", ["n", "flag"], strict=False),
    ]
    assert answers(*made, unknown={"n"}, n=0) == [True, False, None, True]


def test_an_unknown_element_of_a_list_makes_unknown_only_who_reads_it():
    made = [condition("_patterns[0]", ["_patterns[0]"]), condition("_patterns[1]", ["_patterns[1]"])]
    assert answers(*made, unknown={"_patterns[1]"}) == [True, None]


def test_a_condition_out_of_budget_is_unknown_and_the_others_are_not():
    names = [str(number) for number in range(200)]
    endless = "names.all(a, names.all(b, names.all(c, a != '')))"
    assert answers(endless, "n == 3", condition(endless, alone=True), names=names) == [None, True, None]


def test_more_conditions_than_one_expression_holds():
    texts = [f"text != '{'x' * 900}' && n == {number % 7}" for number in range(400)]
    assert answers(*texts) == [number % 7 == 3 for number in range(400)]


@pytest.mark.parametrize(
    "text", ["null", "n", "text", "names", "data['k']", "n == nope", "n ==", "\ud800", "hits('a') > 0 ||"]
)
def test_what_is_no_condition_can_not_be_compiled(text):
    with pytest.raises(ValueError, match=r"."):
        program(text)
    assert CelEngine().check([text], VARIABLES) != [[]]


@pytest.mark.parametrize(
    "text",
    ["text.matches('a')", "text + text == ''", "[1] + [2] == [1]", "dyn(1) == 1", "type(n) == int", "bytes(text) == b''",
     "timestamp(0) == timestamp(1)", "duration('1s') == duration('1s')", "names.map(a, a) == names",
     "names.filter(a, true) == names", "has(data.k)", "text.replace('a', 'b') == ''", "cel.bind(x, n, x > 1)"],
)  # fmt: skip
def test_nothing_costly_or_dynamic_is_offered(text):
    assert CelEngine().check([text], VARIABLES) != [[]]


def test_errors_have_their_line_and_column():
    ((first, second),) = CelEngine().check(["n == nope &&\n  flag == 1"], VARIABLES)
    assert (first.line, first.column) == (1, 6)
    assert (second.line, second.column) == (2, 8)


def test_none_keeps_its_references_however_often_conditions_fail():
    run = program("data['nope'] == ''", "n == 3", condition("1 / (n - 3) > 0", alone=True))
    run.evaluate(VALUES, ())
    before = sys.getrefcount(None)
    for _ in range(20_000):
        run.evaluate(VALUES, {"n"})
    assert abs(sys.getrefcount(None) - before) < 1_000, "the binding loses a reference with every null result"


def test_a_program_may_be_used_by_several_threads():
    run = program("n == 3", "text.contains('ell')", "data['nope'] == ''")
    wrong = []

    def work():
        wrong.extend(1 for _ in range(500) if run.evaluate(VALUES, ()) != [True, True, None])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "fields", "fragile", "branching", "text_reads"),
    [
        ("author.account_age_days < 7", {"author.account_age_days"}, False, False, 0),
        ("item.text.contains('author.trust') || true", {"item.text"}, False, True, 1),
        ("item.lang in ['fr']", {"item.lang"}, False, False, 1),
        ("links.domains[0] == 'a'", {"links.domains"}, True, False, 1),
        ("metadata['a'] == 'b' ? true : false", {"metadata"}, True, True, 1),
        ("'a' in metadata", {"metadata"}, False, False, 1),
        ("links.hosts.exists(h, item.text.contains(h))", {"links.hosts", "item.text"}, True, False, 100),
        ("item . text == context\n. channel", {"item.text", "context.channel"}, False, False, 2),
        (".item.text == ''", {"item.text"}, False, False, 1),
        ("(1 + links.count) > 2", {"links.count"}, True, False, 0),
        ("'a'.size() == 1 && (item.text).size() == 2", {"item.text"}, False, True, 1),
    ],
)
def test_the_words_of_a_condition_tell_what_it_depends_on(source, fields, fragile, branching, text_reads):
    read = read_expression(source)
    assert read.fields == fields
    assert (read.fragile, read.branching, read.text_reads) == (fragile, branching, text_reads)
    assert read.objections == ()
