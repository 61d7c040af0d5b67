"""The shape of a text: how long it is and how loud."""

import re
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextShape:
    """`upper_ratio` among the letters that have case, 0.0 without any."""

    letters: int
    words: int
    upper_ratio: float


def measure_shape(text: str) -> TextShape:
    raw = text.encode("latin-1", "ignore")
    letters, upper, lower = (len(raw.translate(None, others)) for others in (_NO_LETTERS, _NO_UPPER, _NO_LOWER))
    whole = len(raw) == len(text)
    if not whole:
        others = _LATIN_1.sub("", text)
        letters += sum(map(str.isalpha, others))
        upper += sum(map(str.isupper, others))
        lower += sum(map(str.islower, others))
    ratio = upper / (upper + lower) if upper + lower else 0.0
    words = len(raw.translate(_WORDS_APART).split()) if whole else len(_WORD.findall(text))
    return TextShape(letters, words, round(ratio, 4))


def _list_others(is_meant: Callable[[str], object]) -> bytes:
    return bytes(code for code in range(256) if not is_meant(chr(code)))


_WORD = re.compile(r"\w+")
_LATIN_1 = re.compile(r"[\x00-\xff]+")

# Most texts are of Latin-1 and are counted by deleting what is not meant: no loop of ours.
_NO_LETTERS = _list_others(str.isalpha)
_NO_UPPER = _list_others(str.isupper)
_NO_LOWER = _list_others(str.islower)
_WORDS_APART = bytes(code if _WORD.match(chr(code)) else ord(" ") for code in range(256))
