"""The soft key: what a phrase list with `fold: soft` sees.

The light key in lower case, words apart by one space and a space at either end, so that a phrase put between spaces
matches whole words only. Punctuation separates words; symbols (emoji, currency signs) are words of their own.
"""

import unicodedata
from collections.abc import Sequence

from veilleur.domain.rules.signals.light import lighten
from veilleur.domain.rules.signals.mapped import MappedText


def soften(light: str) -> str:
    """The soft key of a light key: `"  T'es  nul!! "` → `" t es nul "`; a single space when no word is left."""
    words = light.lower().translate(_TABLE).split()
    return f" {' '.join(words)} " if words else " "


def soften_lines(phrases: Sequence[str]) -> str:
    """The soft keys of phrases, one a line and without the spaces at their ends: all are folded in one pass."""
    joined = "\n".join(phrases)
    if joined.count("\n") >= len(phrases):
        joined = "\n".join([phrase.replace("\n", " ") for phrase in phrases])
    if not unicodedata.is_normalized("NFC", joined):
        joined = "\n".join([lighten(phrase) for phrase in joined.split("\n")])
    folded = lighten(joined).lower().translate(_LINES_TABLE)
    while "  " in folded:
        folded = folded.replace("  ", " ")
    return folded.replace(" \n", "\n").replace("\n ", "\n").strip(" ")


def soften_mapped(light: str) -> MappedText:
    """As `soften`, with the way back to the light key. The padding points at the character beside it."""
    characters: list[str] = [" "]
    origins: list[int] = [0]
    for position, character in enumerate(light.lower()):
        for piece in _TABLE[ord(character)]:
            if piece != " " or characters[-1] != " ":
                characters.append(piece)
                origins.append(position)
    if characters[-1] != " ":
        characters.append(" ")
        origins.append(max(len(light) - 1, 0))
    return MappedText("".join(characters), origins, [origin + 1 for origin in origins])


class _SoftTable(dict[int, str]):
    """Filled by the characters that come by."""

    def __missing__(self, code: int) -> str:
        kept = _keep_character(chr(code))
        if len(self) < _MAX_REMEMBERED:
            self[code] = kept
        return kept


_MAX_REMEMBERED = 20_000

_TABLE = _SoftTable()
_LINES_TABLE = _SoftTable({ord("\n"): "\n"})


def _keep_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in {"So", "Sc"}:
        return f" {character} "
    if character == "ς":  # a final sigma is a matter of place, not of letter
        return "σ"
    return character if category[0] in "LNM" else " "
