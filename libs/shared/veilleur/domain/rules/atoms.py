"""A condition with `&&`, `||` and `!` taken apart, so that it can be known though a part of it is not.

Only what binds the parts is read; the parts themselves stay as they are written. What can't be taken apart without
reading more of the language (`?:`, logic inside of brackets that do more than hold together) is left whole.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from veilleur.domain.rules.words import Word, split_words


@dataclass(frozen=True, slots=True)
class Atom:
    """A part without logic of its own."""

    text: str


@dataclass(frozen=True, slots=True)
class Logic:
    """`kind` is `all`, `any` or, for `!`, `none`."""

    kind: str
    parts: tuple["Atom | Logic", ...]


def take_apart(source: str) -> Atom | Logic | None:
    """None for what is better left whole."""
    try:
        return _read(source, split_words(source))
    except _LeftWholeError:
        return None


class _LeftWholeError(Exception):
    pass


_OPENING = {"(": 1, "[": 1, ")": -1, "]": -1}
_LOGIC = {"&&", "||", "?", "!"}


def _read(source: str, words: Sequence[Word]) -> Atom | Logic:
    if not words or _find(words, "?"):
        raise _LeftWholeError
    for operator, kind in (("||", "any"), ("&&", "all")):
        places = _find(words, operator)
        if places:
            starts, ends = [0, *(place + 1 for place in places)], [*places, len(words)]
            parts = (_read(source, words[start:end]) for start, end in zip(starts, ends, strict=True))
            return Logic(kind, tuple(parts))
    if words[0].text == "!" and (len(words) == 2 or _is_wrapped(words[1:])):
        return Logic("none", (_read(source, words[1:]),))
    if _is_wrapped(words):
        return _read(source, words[1:-1])
    if any(word.kind == "sign" and word.text in _LOGIC for word in words):
        raise _LeftWholeError
    return Atom(source[words[0].start : words[-1].end])


def _find(words: Sequence[Word], operator: str) -> list[int]:
    """Where an operator stands outside of all brackets."""
    found: list[int] = []
    depth = 0
    for place, word in enumerate(words):
        if word.kind == "sign":
            depth += _OPENING.get(word.text, 0)
            if depth == 0 and word.text == operator:
                found.append(place)
    return found


def _is_wrapped(words: Sequence[Word]) -> bool:
    """Whether the first bracket closes with the last word."""
    if words[0].text != "(" or words[-1].text != ")":
        return False
    depth = 0
    for place, word in enumerate(words):
        depth += _OPENING.get(word.text, 0) if word.kind == "sign" else 0
        if depth == 0:
            return place == len(words) - 1
    return False
