"""Patterns checked by RE2, in words their authors understand."""

import re
from collections.abc import Iterator

from veilleur.domain.rules.document import RuleSet
from veilleur.domain.rules.findings import Mistake
from veilleur.domain.rules.signals.patterns import (
    MAX_PROGRAM,
    MAX_PROGRAMS,
    Pattern,
    PatternError,
    compile_pattern,
    index_patterns,
)
from veilleur.kernel.messages import Message, msg


def check_patterns(rule_set: RuleSet) -> list[Mistake]:
    """What RE2 does not read, what would take too long, and warnings on what does not mean what it seems to."""
    mistakes: list[Mistake] = []
    size = 0
    for name, source in rule_set.patterns.items():
        path = ("patterns", name)
        try:
            pattern = compile_pattern(source)
        except PatternError as error:
            message = msg("RE2 can't read this: {reason}", reason=str(error))
            mistakes.append(Mistake(path, message, _explain_limits(source), "pattern"))
            continue
        size += pattern.programsize
        if pattern.programsize > MAX_PROGRAM:
            hint = msg("shorten its repetitions: {example}", example="{0,50}")
            mistakes.append(Mistake(path, msg("takes too many steps to look for"), hint, "too-costly"))
        mistakes += [Mistake(path, message, hint, "pattern", "warning") for message, hint in _lint(source, pattern)]
    if size > MAX_PROGRAMS:
        mistakes.append(Mistake(("patterns",), msg("all patterns together take too many steps"), None, "too-costly"))
    elif not mistakes:
        mistakes += _try_together(rule_set)
    return mistakes


_LOOKAROUND = re.compile(r"\(\?<?[=!]")
_BACKREFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]|\(\?P=")
_ATOMIC = re.compile(r"\(\?>|[*+?}]\+")
_WORD_BOUND = re.compile(r"(?<!\\)(?:\\\\)*\\b")


def _explain_limits(source: str) -> Message | None:
    for found, name in (
        (_LOOKAROUND, msg("look-ahead and look-behind")),
        (_BACKREFERENCE, msg("references back to a group")),
        (_ATOMIC, msg("atomic groups and possessive repetitions")),
    ):
        if found.search(source):
            return msg("RE2 has no {feature}: it stays linear without", feature=name)
    return None


def _lint(source: str, pattern: Pattern) -> Iterator[tuple[Message, Message]]:
    if _WORD_BOUND.search(source) and any(letter.isalpha() and not letter.isascii() for letter in source):
        yield (
            msg("\\b knows letters without accents only: beside é it never matches"),
            msg("write the word without accents: patterns are also tried on the text without them"),
        )
    if pattern.search("") is not None:
        yield msg("matches every text"), msg("make at least one part of it obligatory")


def _try_together(rule_set: RuleSet) -> list[Mistake]:
    try:
        index_patterns(rule_set.patterns)
    except PatternError:
        return [Mistake(("patterns",), msg("all patterns together take too many steps"), None, "too-costly")]
    return []
