"""Conditions answered by a second engine, written by other people in another language: both say the same."""

import cel as oracle
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veilleur.domain.rules.atoms import Atom, take_apart
from veilleur.domain.rules.cel_engine import CelEngine
from veilleur.domain.rules.compile import compile_rule_set
from veilleur.domain.rules.engine import EngineCondition, EngineLogic
from veilleur.domain.rules.expressions import read_expression
from veilleur.domain.rules.language import parse_rule_set
from veilleur.domain.rules.schema import FieldType

VARIABLES = {
    "n": FieldType.INT,
    "m": FieldType.INT,
    "share": FieldType.DOUBLE,
    "text": FieldType.TEXT,
    "flag": FieldType.BOOL,
    "names": FieldType.TEXTS,
}
INTS = st.sampled_from(["n", "m", "0", "1", "7", "-3", "size(names)", "(n + 1)", "(m * 2)", "(n - m)"])
DECIMALS = st.sampled_from(["share", "0.0", "0.5", "1.5"])
TEXTS = st.sampled_from(["text", "''", "'a'", "'hello'", "'é🙂'"])
SIGNS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])


def compare(sides):
    return st.tuples(sides, SIGNS, sides).map(" ".join)


ATOMS = st.one_of(
    compare(INTS), compare(DECIMALS), st.tuples(TEXTS, st.sampled_from(["==", "!="]), TEXTS).map(" ".join),
    st.tuples(TEXTS, st.sampled_from(["contains", "startsWith", "endsWith"]), TEXTS).map(lambda part: f"{part[0]}.{part[1]}({part[2]})"),
    TEXTS.map(lambda text: f"{text} in names"), TEXTS.map(lambda text: f"names.exists(x, x == {text})"),
    TEXTS.map(lambda text: f"names.all(x, x != {text})"), st.sampled_from(["flag", "true", "false"]),
)  # fmt: skip
CONDITIONS = st.recursive(
    ATOMS,
    lambda parts: st.one_of(
        st.tuples(parts, st.sampled_from(["&&", "||"]), parts).map(lambda part: f"({' '.join(part)})"),
        parts.map(lambda part: f"!({part})"),
        st.tuples(parts, parts, parts).map(lambda part: f"({part[0]} ? {part[1]} : {part[2]})"),
    ),
    max_leaves=6,
)
VALUES = st.fixed_dictionaries(
    {
        "n": st.integers(-5, 9), "m": st.integers(-5, 9), "share": st.sampled_from([0.0, 0.5, 0.75, 2.0]),
        "text": st.sampled_from(["", "a", "hello", "é🙂"]), "flag": st.booleans(), "names": st.lists(st.sampled_from(["", "a", "hello", "b"]), max_size=3),
    }
)  # fmt: skip


@given(st.lists(CONDITIONS, min_size=1, max_size=4), VALUES)
@settings(max_examples=120, deadline=None)
def test_both_engines_answer_alike(conditions, values):
    program = CelEngine().compile(
        [EngineCondition(text, frozenset(), alone=False, strict=True) for text in conditions], VARIABLES
    )
    assert program.evaluate(values, ()) == [oracle.evaluate(text, values) for text in conditions]


def test_a_text_is_as_long_as_its_code_points():
    """The second engine counts bytes, where the language's definition says code points; it can't be asked this."""
    program = CelEngine().compile(
        [EngineCondition("size(text) == 2", frozenset(), alone=False, strict=True)], VARIABLES
    )
    values = {"n": 0, "m": 0, "share": 0.0, "text": "é🙂", "flag": False, "names": []}
    assert program.evaluate(values, ()) == [True]


NAMES = ("n", "share", "text", "flag")
LOGIC = st.recursive(
    st.sampled_from(["n > 3", "share < 1.0", "text == 'a'", "flag"]),
    lambda parts: st.one_of(
        st.lists(parts, min_size=2, max_size=3).map(lambda some: f"({' && '.join(some)})"),
        st.lists(parts, min_size=2, max_size=3).map(lambda some: f"({' || '.join(some)})"),
        parts.map(lambda part: f"!({part})"),
    ),
    max_leaves=6,
)


def logic_of(part):
    if isinstance(part, Atom):
        name = next(name for name in NAMES if name in part.text)
        return EngineCondition(part.text, frozenset({name}), alone=False, strict=True)
    return EngineLogic(part.kind, tuple(map(logic_of, part.parts)))


@given(LOGIC, VALUES, st.sets(st.sampled_from(NAMES)))
@settings(max_examples=150, deadline=None)
def test_a_condition_taken_apart_is_known_where_the_language_itself_knows_it(text, values, unknown):
    """The language's own logic is Kleene's: an error does for a variable that is not there."""
    apart = take_apart(text)
    reads = frozenset(name for name in NAMES if name in text)
    logic = None if isinstance(apart, Atom) else logic_of(apart)
    parted = EngineCondition(text, reads, alone=False, strict=logic is None, logic=logic)
    whole = EngineCondition(text, reads, alone=True, strict=False)
    answers = CelEngine().compile([parted, whole], VARIABLES).evaluate(values, unknown)
    assert answers[0] is answers[1]


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("a > 1 || b > 1", "any"), ("a > 1 && b > 1 || c > 1", "any"), ("!(a > 1)", "none"), ("(a > 1 && b > 1)", "all"),
        ("a ? b : c", None), ("(a || b) == true", None), ("a > 1", "atom"), ("((a))", "atom"), ("!a", "none"), ("f(a || b)", None),
    ],
)  # fmt: skip
def test_only_logic_is_taken_apart(source, kind):
    apart = take_apart(source)
    assert (None if apart is None else "atom" if isinstance(apart, Atom) else apart.kind) == kind


def test_a_second_engine_can_take_the_first_ones_place():
    """Nothing outside the engine's own file depends on which one it is."""

    class Oracle:
        def compile(self, conditions, _):
            return self._Program(conditions)

        class _Program:
            def __init__(self, conditions):
                self.texts = [condition.text for condition in conditions]

            def evaluate(self, values, _):
                nested = {"item": {"length": values["item.length"]}, "links": {"count": values["links.count"]}}
                return [oracle.evaluate(text, nested) for text in self.texts]

    source = {
        "format": "veilleur.rules/v1",
        "rules": [{"id": "r", "when": "item.length > 2 && links.count == 0", "then": {"verdict": "allow"}}],
    }
    compiled = compile_rule_set(parse_rule_set(source), engine=Oracle())
    assert compiled.program.evaluate({"item.length": 3, "links.count": 0}, ()) == [True]
    assert read_expression("item.length > 2").fields == {"item.length"}
