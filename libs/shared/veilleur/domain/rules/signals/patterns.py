r"""Patterns: RE2, linear in the text, all of a rule set tried in one pass.

A pattern is tried on the text as sent and, where that differs, on its light key: RE2's `\b` knows ASCII letters only,
and `ｃom` should be found by `com`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

import re2

from veilleur.domain.rules.signals.mapped import Span, merge_spans
from veilleur.domain.rules.signals.text import TextKeys

MAX_PROGRAM = 1_000
"""RE2 instructions a pattern may compile to: `.{0,100}` takes 900."""

MAX_PROGRAMS = 8_000
"""…and all patterns of a rule set together: twenty ordinary ones take a thousand."""

MAX_SPANS = 100
"""Places of one pattern that are kept."""


class PatternHits:
    """`names` were found, `unknown` were not in as much of the text as was read."""

    def __init__(self, keys: TextKeys, plain: Mapping[str, "Pattern"], light: Mapping[str, "Pattern"]) -> None:
        self._keys = keys
        self._plain = plain
        self._light = light
        self.names = frozenset(plain) | frozenset(light)
        self.unknown: frozenset[str] = frozenset()
        self._work = _SPAN_WORK

    def list_spans(self, name: str) -> list[Span]:
        """Sorted spans of the text as sent; none once showing them has taken too long."""
        spans = self._find_all(self._plain[name], self._keys.text) if name in self._plain else []
        if name in self._light:
            spans += [self._keys.trace_light(span) for span in self._find_all(self._light[name], self._keys.light)]
        return merge_spans(spans)

    def _find_all(self, pattern: "Pattern", text: str) -> list[Span]:
        reach = self._work // pattern.programsize
        self._work -= min(len(text), reach) * pattern.programsize
        spans = (match.span() for match in islice(pattern.finditer(text[:reach]), MAX_SPANS))
        return [(start, end) for start, end in spans if start < end]


@dataclass(frozen=True, slots=True)
class PatternSet:
    """`reach`: how many characters of a text are read before what was not found counts as unknown."""

    names: tuple[str, ...]
    patterns: tuple["Pattern", ...]
    together: "_Set | None"
    reach: int

    def find_patterns(self, keys: TextKeys) -> PatternHits:
        if self.together is None:
            return PatternHits(keys, {}, {})
        found = self.together.Match(keys.text[: self.reach]) or ()
        light = self.together.Match(keys.light[: self.reach]) or () if keys.light != keys.text else ()
        hits = PatternHits(keys, self._pick(found), self._pick(light))
        if len(keys.text) > self.reach:
            hits.unknown = frozenset(self.names) - hits.names
        return hits

    def _pick(self, indexes: Iterable[int]) -> dict[str, "Pattern"]:
        return {self.names[index]: self.patterns[index] for index in indexes}


class _Found(Protocol):
    def span(self) -> Span: ...


class Pattern(Protocol):
    """A compiled RE2 pattern, as far as it is used here."""

    programsize: int

    def search(self, text: str) -> _Found | None: ...
    def finditer(self, text: str) -> Iterator[_Found]: ...


class PatternError(ValueError):
    """RE2 does not read the pattern; the message is RE2's own."""


def compile_pattern(pattern: str) -> Pattern:
    """Raises `PatternError`."""
    try:
        compiled: Pattern = re2.compile(pattern, _options())
    except (re2.error, UnicodeError) as error:
        raise PatternError(_read_error(error)) from error
    return compiled


def index_patterns(patterns: Mapping[str, str]) -> PatternSet:
    """Raises `PatternError` for a pattern that `check_patterns` would refuse."""
    compiled = tuple(compile_pattern(pattern) for pattern in patterns.values())
    size = sum(pattern.programsize for pattern in compiled)
    return PatternSet(
        names=tuple(patterns),
        patterns=compiled,
        together=_compile_set(list(patterns.values())) if patterns else None,
        reach=_WORK // max(size, 1),
    )


_WORK = 5_000_000
"""Instructions times characters of a text that all patterns may take, twice (as sent, and its light key).

4 to 10 ns each at worst, when every character leads to a state that was not met before: bounded for a text made for it,
and twenty ordinary patterns still read 7,000 characters.
"""

_SPAN_WORK = 1_500_000
"""The same for showing where patterns were found, one by one: 20 ns each at worst, without states to remember."""

_MEMORY = 8 << 20


class _Set(Protocol):
    def Add(self, pattern: str) -> int: ...  # noqa: N802 - the binding's name
    def Compile(self) -> None: ...  # noqa: N802
    def Match(self, text: str) -> list[int] | None: ...  # noqa: N802


def _options() -> re2.Options:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MEMORY
    return options


def _compile_set(patterns: list[str]) -> _Set:
    together: _Set = re2.Set.SearchSet(_options())
    try:
        for pattern in patterns:
            together.Add(pattern)
        together.Compile()
    except re2.error as error:
        raise PatternError(_read_error(error)) from error
    return together


def _read_error(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
