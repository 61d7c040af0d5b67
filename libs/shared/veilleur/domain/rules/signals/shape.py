"""The shape of a text: how long it is and how loud."""

import re
from dataclasses import dataclass
from string import ascii_letters, ascii_lowercase, ascii_uppercase


@dataclass(frozen=True, slots=True)
class TextShape:
    """`upper_ratio` among the letters that have case, 0.0 without any."""

    letters: int
    words: int
    upper_ratio: float


def measure_shape(text: str) -> TextShape:
    letters, upper, lower = _count_ascii(text)
    if not text.isascii():
        others = _ASCII.sub("", text)
        letters += sum(map(str.isalpha, others))
        upper += sum(map(str.isupper, others))
        lower += sum(map(str.islower, others))
    ratio = upper / (upper + lower) if upper + lower else 0.0
    return TextShape(letters, len(_WORD.findall(text)), round(ratio, 4))


_WORD = re.compile(r"\w+")
_ASCII = re.compile(r"[\x00-\x7f]+")
_LETTERS = bytes(set(range(256)) - set(ascii_letters.encode()))
_UPPER = bytes(set(range(256)) - set(ascii_uppercase.encode()))
_LOWER = bytes(set(range(256)) - set(ascii_lowercase.encode()))


def _count_ascii(text: str) -> tuple[int, int, int]:
    """Letters, capitals and small letters among the ASCII characters, by deleting all others: no loop of ours."""
    raw = text.encode("ascii", "ignore")
    return len(raw.translate(None, _LETTERS)), len(raw.translate(None, _UPPER)), len(raw.translate(None, _LOWER))
