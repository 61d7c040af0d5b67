"""A condition before the engine sees it.

A condition is CEL. Its words are read here to know which fields it depends on, to swap `hits('insults')` and `params.x`
for what is known before the engine runs, and to refuse what would cost too much or read otherwise than it runs. Types
and grammar are the engine's business.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from veilleur.domain.rules.document import Param
from veilleur.domain.rules.schema import FIELDS, FUNCTIONS, ROOTS, FieldType, find_field
from veilleur.domain.rules.words import Word, split_words
from veilleur.kernel.messages import Message, msg

MAX_LOOP_ITEMS = 50
"""Entries of a list or map a loop goes through; the facts of an item hold no more."""


@dataclass(frozen=True, slots=True)
class Call:
    """`hits('insults')`: the function, the name in quotes, and where the name and the whole call stand."""

    function: str
    argument: str
    argument_start: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Objection:
    """Why a condition is refused; `at` is an offset into it."""

    at: int
    message: Message
    hint: Message | None = None


@dataclass(frozen=True, slots=True)
class Expression:
    """What the words of a condition tell.

    `fields` and `params` are the names it reads; `text_reads` how often it may go through a long text. A `fragile` one
    may fail on some items (a missing key, a division) or loops, and is evaluated on its own. A `branching` one has
    `&&`, `||` or `?:` and may be known though a part of it is not.
    """

    source: str
    fields: frozenset[str]
    params: frozenset[str]
    calls: tuple[Call, ...]
    text_reads: int
    fragile: bool
    branching: bool
    objections: tuple[Objection, ...]


def read_expression(source: str) -> Expression:
    words = split_words(source)
    names = [word.text for word in words if word.kind == "name"]
    read = [field for name in names if (field := find_field(name))]
    loops = any(_is_loop(words, index) for index in range(len(words)))
    return Expression(
        source=source,
        fields=frozenset(read),
        params=frozenset(name.split(".")[1] for name in names if name.startswith("params.")),
        calls=tuple(_find_calls(words)),
        text_reads=sum(field in _LONG_FIELDS for field in read) * (MAX_LOOP_ITEMS if loops else 1),
        fragile=loops or any(_may_fail(words, index) for index in range(len(words))),
        branching=any(word.text in {"&&", "||", "?"} for word in words),
        objections=(*_refuse_signs(words), *_refuse_names(words), *_refuse_calls(words), *_refuse_loops(words)),
    )


def rewrite_expression(expression: Expression, places: Mapping[Call, str], params: Mapping[str, Param]) -> str:
    """The condition as it runs: calls become variables (`places`), parameters their values."""
    swaps = [(call.start, call.end, places[call]) for call in expression.calls]
    for word in split_words(expression.source) if expression.params else ():
        if word.kind == "name" and word.text.startswith("params."):
            _, name, *rest = word.text.split(".")
            swaps.append((word.start, word.end, ".".join([write_literal(params[name]), *rest])))
    text = expression.source
    for start, end, swap in sorted(swaps, reverse=True):
        text = f"{text[:start]}{swap}{text[end:]}"
    return text


def write_literal(value: Param) -> str:
    """A parameter as a literal of the language; a decimal stays one."""
    if isinstance(value, bool | str):
        return json.dumps(value)
    return f"({value!r})" if value < 0 else repr(value)


_LONG_FIELDS = frozenset(
    name for name, kind in FIELDS.items() if kind in {FieldType.TEXT, FieldType.TEXTS, FieldType.MAP}
)
_LOOPED_FIELDS = tuple(name for name, kind in FIELDS.items() if kind in {FieldType.TEXTS, FieldType.MAP})
_LOOPS = frozenset({"exists", "all", "exists_one"})
_CALLED = frozenset(FUNCTIONS)
_NAME_IN_QUOTES = re.compile(r"(['\"])([^'\"\\]*)\1")


def _find_calls(words: Sequence[Word]) -> Iterator[Call]:
    for name, opening, argument, closing in zip(words, words[1:], words[2:], words[3:], strict=False):
        if name.kind != "name" or name.text not in _CALLED or opening.text != "(" or closing.text != ")":
            continue
        quoted = _NAME_IN_QUOTES.fullmatch(argument.text)
        if quoted and argument.kind == "string":
            yield Call(name.text, quoted[2], argument.start, name.start, closing.end)


def _is_loop(words: Sequence[Word], index: int) -> bool:
    word = words[index]
    is_call = index + 1 < len(words) and words[index + 1].text == "("
    return is_call and word.kind in {"name", "member"} and word.text.split(".")[-1] in _LOOPS


def _may_fail(words: Sequence[Word], index: int) -> bool:
    word = words[index]
    if word.text in {"+", "-", "*", "/", "%", "int", "double"} and word.kind in {"sign", "name"}:
        return True
    if word.text == "[" and index:
        before = words[index - 1]
        return before.text in {")", "]"} or (before.kind != "sign" and before.text != "in")
    return word.text.startswith("metadata.")


def _refuse_signs(words: Sequence[Word]) -> Iterator[Objection]:
    for previous, word in zip([None, *words], words, strict=False):
        if word.text == "//":
            yield Objection(word.start, msg("a condition holds no comments"), msg("write the comment beside it"))
        elif word.text in {"{", "`"}:
            yield Objection(word.start, msg("{sign} has no use in a condition", sign=word.text))
        elif word.kind == "string" and previous is not None and previous.end == word.start:
            if previous.kind in {"name", "string"}:
                hint = msg("use plain quotes: {example}", example="'text'")
                yield Objection(previous.start, msg("this form of quotes is not read here"), hint)
        elif word.text in {"'", '"'}:
            yield Objection(word.start, msg("the quotes are not closed"))


def _refuse_names(words: Sequence[Word]) -> Iterator[Objection]:
    for word in words:
        if word.kind != "name":
            continue
        if word.text == "null":
            left = msg("what is not known is left to {field}", field="on_unknown")
            yield Objection(word.start, msg("{name} has no use in a condition", name="null"), left)
        elif word.text.startswith("_"):
            yield Objection(word.start, msg("names that start with _ are reserved"))
        elif word.text in ROOTS and word.text not in FIELDS:
            known = [field for field in FIELDS if field.startswith(f"{word.text}.")]
            hint = msg("known here: {names}", names=known) if known else None
            yield Objection(word.start, msg("{name} needs a field", name=word.text), hint)


def _refuse_calls(words: Sequence[Word]) -> Iterator[Objection]:
    read = {call.start for call in _find_calls(words)}
    for word, following in pairwise(words):
        if word.kind == "name" and word.text in _CALLED and following.text == "(" and word.start not in read:
            example = f"{word.text}('name')"
            hint = msg("write it like {example}", example=example)
            yield Objection(word.start, msg("{name}() takes one name in quotes", name=word.text), hint)


def _refuse_loops(words: Sequence[Word]) -> Iterator[Objection]:
    loops = [index for index in range(len(words)) if _is_loop(words, index)]
    for index in loops[1:]:
        message = msg("a condition may loop once")
        yield Objection(words[index].start, message, msg("split it into several conditions"))
    for index in loops[:1]:
        target = words[index].text.rpartition(".")[0]
        if target not in _LOOPED_FIELDS or words[index].kind != "name":
            hint = msg("known here: {names}", names=_LOOPED_FIELDS)
            yield Objection(words[index].start, msg("a loop goes over a list of the item"), hint)
        variable = words[index + 2].text if index + 2 < len(words) else ""
        if variable in ROOTS | _CALLED:
            yield Objection(words[index + 2].start, msg("{name} already means something else", name=variable))
