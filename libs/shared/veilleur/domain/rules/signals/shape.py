"""The shape of a text: how long it is and how loud."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TextShape:
    """`length` in code points; `upper_ratio` among the letters that have case, 0.0 without any."""

    length: int
    letters: int
    words: int
    upper_ratio: float


def measure_shape(text: str) -> TextShape:
    letters = sum(map(str.isalpha, text))
    upper = sum(map(str.isupper, text))
    lower = sum(map(str.islower, text))
    ratio = upper / (upper + lower) if upper + lower else 0.0
    return TextShape(len(text), letters, len(_WORD.findall(text)), round(ratio, 4))


_WORD = re.compile(r"\w+")
