"""A condition split into words."""

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["name", "member", "string", "number", "sign"]


@dataclass(frozen=True, slots=True)
class Word:
    """`text` as written, a dotted name without spaces; `start` and `end` are offsets into the condition.

    A `name` starts something (`author.trust`, `item.text.contains`); a `member` follows a value (`(…).size`).
    """

    kind: Kind
    text: str
    start: int
    end: int


def split_words(source: str) -> list[Word]:
    """Every character of the condition but white space is in a word; what is no word of CEL becomes a sign."""
    words: list[Word] = []
    for match in _WORD.finditer(source):
        kind: Kind = "sign"
        if match["name"]:
            kind = "member" if _follows_value(words) else "name"
        elif match["string"]:
            kind = "string"
        elif match["number"]:
            kind = "number"
        text = re.sub(r"\s+", "", match.group()) if match["name"] else match.group()
        words.append(Word(kind, text, match.start(), match.end()))
    return words


_WORD = re.compile(
    r"(?P<string>\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*')"
    r"|(?P<number>0x[0-9a-fA-F]+|(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][-+]?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*(?:\s*\.\s*[A-Za-z_]\w*)*)"
    r"|(?P<sign>//|&&|\|\||[=!<>]=|[^\s])",
    re.ASCII,
)


def _follows_value(words: list[Word]) -> bool:
    """Whether the next name is a member of what stands before it: `'a'.size`, `(…).size`, not `.item`."""
    if not words or words[-1].text != ".":
        return False
    return len(words) > 1 and (words[-2].kind != "sign" or words[-2].text in {")", "]", "}"})
