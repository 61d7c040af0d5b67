"""The hard key: what a phrase list with `fold: hard` sees besides the soft key.

Undoes what people do to get a word past a filter, word by word: letters borrowed from another script, digits and signs
for letters, letters pulled apart by spaces or dots, repeated letters. Every run of a letter counts once and `l` is read
as `i` (both are written `1`), on either side of the comparison; a match is worth something only if it covers a word in
which something was undone, else the soft key has seen it already, spelled right.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from string import ascii_lowercase
from typing import NamedTuple

import re2

from veilleur.domain.rules.signals.confusables import CONFUSABLES
from veilleur.domain.rules.signals.mapped import Span


class HardWord(NamedTuple):
    """A word of the key: `written[i]` stands at `begin + i` of the light key; `key` is what it comes down to."""

    key: str
    written: str
    begin: int
    undone: bool


@dataclass(frozen=True, slots=True)
class HardKey:
    """`text` is the words' keys between spaces; `offsets[i]` is where word `i` starts in it."""

    text: str
    words: tuple[HardWord, ...]
    offsets: tuple[int, ...]

    def covers_disguise(self, span: Span) -> bool:
        first, last = self._find_word(span[0]), self._find_word(span[1] - 1)
        return any(word.undone for word in self.words[first : last + 1])

    def trace_back(self, span: Span) -> Span:
        """A span of `text` that starts and ends within words, as a span of the light key."""
        first, last = self._find_word(span[0]), self._find_word(span[1] - 1)
        start, _ = _locate_character(self.words[first], span[0] - self.offsets[first])
        _, end = _locate_character(self.words[last], span[1] - 1 - self.offsets[last])
        return start, end

    def _find_word(self, position: int) -> int:
        return max(bisect_right(self.offsets, position) - 1, 0)


def harden(light: str) -> HardKey | None:
    """The hard key of a light key, or None when no word of it is disguised (nine texts of ten)."""
    lowered = light.lower()
    if not may_hide(lowered):
        return None
    words = tuple(_list_words(lowered))
    if not any(word.undone for word in words):
        return None
    offsets = []
    length = 1
    for word in words:
        offsets.append(length)
        length += len(word.key) + 1
    return HardKey(f" {' '.join([word.key for word in words])} ", words, tuple(offsets))


def may_hide(light: str) -> bool:
    """False only for a text in which no word is disguised."""
    return _SUSPECT.search(light.lower()) is not None


def harden_phrase(soft: str) -> str:
    """The hard key of a phrase that is spelled right, from its soft key: `" pauvre connard "` → `" pauvre conard "`.

    The same for several in lines.
    """
    return _RUN.sub(itemgetter(1), soft.translate(_ONE_STROKE))


_LEET = str.maketrans("0123456789@$€£!|+", "oizeasgtbgaseliit")
_ONE_STROKE = str.maketrans("l", "i")

_SIGN = r"0-9@$€£!|+"
_JOINER = r"._*~·•"
_EDGE = "!|+._*~·•"

_SUSPECT = re2.compile(
    "|".join(letter * 3 for letter in ascii_lowercase)
    + rf"|\pL[{_SIGN}{_JOINER}]+[\pL\pN]|[0-9@$€£]\pL|\pL[0-9@$€£]"
    + r"|[a-z][\x{370}-\x{58f}]|[\x{370}-\x{58f}][a-z]"
    + r"|(?:^|[^\pL\pN])(?:[\pL\pN][^\pL\pN]){3}[\pL\pN](?:$|[^\pL\pN])"
)
"""Cheap and generous: what it lets pass has nothing to undo."""

_SINGLE = r"[a-z0-9\u0400-\u04ff]"
_SPACED = rf"(?<![^\W_])(?:{_SINGLE}[ -/:-@\[-`{{-~·•\n]){{3,}}{_SINGLE}(?![^\W_])"
"""Four letters or more with one other character between each: fewer are initials."""

_LEAST_JOINED = 4

_CHUNK = re.compile(rf"(?P<spaced>{_SPACED})|\S+")
_PART = re.compile(rf"[\w{_SIGN}{_JOINER}]+")
_MIXED = re.compile("[a-z][\u0370-\u058f]|[\u0370-\u058f][a-z]")
_LATIN = re.compile("[a-z]")
_ELONGATED = re.compile(r"([a-z])\1\1")
_RUN = re.compile(r"([^\W_])\1+")
_MARKS = re.compile(r"[\W_]+")


def _list_words(lowered: str) -> list[HardWord]:
    words: list[HardWord] = []
    for match in _CHUNK.finditer(lowered):
        text = match[0]
        if len(text) <= _ORDINARY and text.isascii() and text.isalpha():
            key, elongated = _read_known(text)
            words.append(HardWord(key, text, match.start(), elongated))
        else:
            words += [word for word in _read_chunk(match) if word.key]
    return words


def _read_chunk(chunk: re.Match[str]) -> Iterator[HardWord]:
    """The words of a stretch without spaces, disguises undone."""
    text = chunk.group()
    if text.isascii() and text.isalpha():
        key, elongated = _read_plain(text)
        yield HardWord(key, text, chunk.start(), elongated)
        return
    if chunk["spaced"]:
        yield _make_word(chunk["spaced"].translate(_LEET), chunk.start(), undone=True)
        return
    for match in _PART.finditer(text):
        part = match.group().lstrip(_EDGE)
        begin = chunk.start() + match.end() - len(part)
        part = part.rstrip(_EDGE)
        if not _LATIN.search(part):
            yield _make_word(part, begin, undone=False)
            continue
        plain = part if part.isascii() or not _MIXED.search(part) else part.translate(CONFUSABLES)
        plain = plain.translate(_LEET)
        joined = not part.isalnum() and sum(map(str.isalnum, part)) >= _LEAST_JOINED
        undone = plain != part or joined or bool(_ELONGATED.search(plain))
        yield _make_word(plain, begin, undone=undone)


def _read_plain(word: str) -> tuple[str, bool]:
    """The key of a word of ASCII letters, and whether a letter was drawn out."""
    return _RUN.sub(itemgetter(1), word.translate(_ONE_STROKE)), bool(_ELONGATED.search(word))


_ORDINARY = 20
"""Letters of words that are worth remembering: the same few thousand make most texts."""

_read_known = lru_cache(maxsize=10_000)(_read_plain)


def _make_word(written: str, begin: int, *, undone: bool) -> HardWord:
    letters = written if written.isalnum() else _MARKS.sub("", written)
    key = _RUN.sub(itemgetter(1), letters.translate(_ONE_STROKE))
    return HardWord(key, written, begin, undone)


def _locate_character(word: HardWord, index: int) -> Span:
    """The span of the light key that the character `index` of a word's key stands for: the whole run of a letter."""
    spans: list[Span] = []
    previous = ""
    for position, character in enumerate(word.written.translate(_ONE_STROKE), word.begin):
        if not character.isalnum():
            continue
        if character == previous:
            spans[-1] = (spans[-1][0], position + 1)
        else:
            spans.append((position, position + 1))
        previous = character
    return spans[index]
