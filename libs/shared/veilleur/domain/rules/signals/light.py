"""The light key: a text with other forms of the same letters undone, its case and punctuation kept.

Compatibility forms (full-width, mathematical, circled), accents on Latin letters, stacked marks and invisible
characters go. Native scripts stay as they are written: `й`, `أ` and their like keep their marks. Patterns are tried on
this key as well as on the text as sent; the soft and the hard key start from it.
"""

import unicodedata
from collections.abc import Iterator

from veilleur.domain.rules.signals.mapped import MappedText


def lighten(text: str) -> str:
    """The light key of a text. ASCII text is its own light key."""
    if text.isascii():
        return text
    if unicodedata.is_normalized("NFC", text):
        return text.translate(_TABLE)
    return lighten_mapped(text).text


def lighten_mapped(text: str) -> MappedText:
    """As `lighten`, with the way back. A mark or variation selector that was dropped belongs to what it stood on."""
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, folded in _fold_clusters(text):
        if not folded and ends and _is_modifier(text[start]):
            ends[-1] = end
        for character in folded:
            characters.append(character)
            starts.append(start)
            ends.append(end)
    return MappedText("".join(characters), starts, ends)


class _LightTable(dict[int, str]):
    """Filled by the characters that come by."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        if _IDEOGRAPHS <= code <= _HANGUL_END or unicodedata.category(character) in {"Cn", "Co"}:
            return character  # nothing to fold, and too many to remember
        folded = self[code] = _fold_character(character)
        return folded


_IDEOGRAPHS, _HANGUL_END = 0x3400, 0xD7A3

_MAX_CLUSTER = 32
"""Unicode's stream-safe limit (UAX 15) is 30 marks; without one, putting marks in order takes quadratic time."""

_TABLE = _LightTable({code: chr(code) for code in range(128)})

_MARK_RANGES = ((0x0300, 0x036F), (0x1AB0, 0x1AFF), (0x1DC0, 0x1DFF), (0x20D0, 0x20FF), (0xFE20, 0xFE2F))
"""Combining marks of no script in particular: accents, and what is stacked on letters to hide them."""

_INVISIBLE_RANGES = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0x1F3FB, 0x1F3FF), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""Unicode's default-ignorable characters, and skin tones."""

_SPELLED_OUT = {
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "œ": "oe", "Œ": "OE", "þ": "th", "Þ": "TH", "ı": "i", "™": "™",
}  # fmt: skip

_LETTER_NAMES = (
    "LATIN SMALL LETTER ", "LATIN CAPITAL LETTER ", "LATIN LETTER SMALL CAPITAL ",
    "NEGATIVE SQUARED LATIN CAPITAL LETTER ", "NEGATIVE CIRCLED LATIN CAPITAL LETTER ",
    "SQUARED LATIN CAPITAL LETTER ",
)  # fmt: skip


def _fold_character(character: str) -> str:
    if character in _SPELLED_OUT:
        return _SPELLED_OUT[character]
    if _is_within(ord(character), _MARK_RANGES) or _is_within(ord(character), _INVISIBLE_RANGES):
        return ""
    base = unicodedata.normalize("NFKD", character)[0]
    if base.isascii() and base.isalpha():
        whole = unicodedata.normalize("NFKD", character)
        return "".join(_SPELLED_OUT.get(part, part) for part in whole if not unicodedata.combining(part))
    return _name_letter(character) or unicodedata.normalize("NFKC", character)


def _name_letter(character: str) -> str | None:
    """`ø` has no decomposition; its name, LATIN SMALL LETTER O WITH STROKE, still says what it is read as."""
    name = unicodedata.name(character, "")
    for prefix in _LETTER_NAMES:
        letter = name.removeprefix(prefix).split(" WITH ")[0]
        if name.startswith(prefix) and len(letter) == 1:
            return letter.lower() if "SMALL" in prefix else letter
    return None


def _is_within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _is_modifier(character: str) -> bool:
    return unicodedata.category(character) in {"Mn", "Me", "Sk"}


def _fold_clusters(text: str) -> Iterator[tuple[int, int, str]]:
    """Stretches of a text with what they fold to; where all is composed already, each character is one."""
    if unicodedata.is_normalized("NFC", text):
        for position, character in enumerate(text):
            yield position, position + 1, _TABLE[ord(character)]
        return
    for start, end in _split_clusters(text):
        yield start, end, unicodedata.normalize("NFC", text[start:end]).translate(_TABLE)


def _split_clusters(text: str) -> Iterator[tuple[int, int]]:
    """Spans of a text that normalise apart from each other: a character and the marks and jamo that compose with it."""
    start = 0
    for position in range(1, len(text)):
        if position - start >= _MAX_CLUSTER or not _joins_cluster(text, start, position):
            yield start, position
            start = position
    if text:
        yield start, len(text)


def _joins_cluster(text: str, start: int, position: int) -> bool:
    character = text[position]
    if character.isascii():
        return False
    if unicodedata.combining(character):
        return True
    cluster = text[start:position]
    return unicodedata.normalize("NFC", cluster + character) != unicodedata.normalize("NFC", cluster) + character
