"""Saved replies: what may stand in them, in which language they speak, and how their blanks are filled; pure."""

import re
from collections.abc import Mapping, Sequence

from veilleur.kernel.errors import InputError
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import extend_pointer

BLANKS = ("author", "client", "policies")
"""What a text may leave blank, written `{author}`: the author's shown name, the platform's, the policies' titles."""

_BRACED = re.compile(r"\{([^{}\s]*)\}")


def check_texts(texts: Mapping[str, str], pointer: str) -> list[InputError]:
    """Every blank that nothing would ever fill."""
    allowed = msg("allowed: {codes}", codes=[f"{{{name}}}" for name in BLANKS])
    return [
        InputError(extend_pointer(pointer, language), msg("nothing fills {blank}", blank=f"{{{name}}}"), allowed)
        for language, text in sorted(texts.items())
        for name in _BRACED.findall(text)
        if name not in BLANKS
    ]


def choose_text(texts: Mapping[str, str], wanted: Sequence[str | None]) -> tuple[str, str]:
    """The language and text that serve the first wanted language that has one: `fr` serves `fr-CA` and back."""
    for tag in filter(None, wanted):
        if tag in texts:
            return tag, texts[tag]
        primary = _primary(tag)
        for language in sorted(texts):
            if _primary(language) == primary:
                return language, texts[language]
    language = min(texts)
    return language, texts[language]


def fill_text(text: str, values: Mapping[str, str]) -> str:
    """The text with its blanks filled; what is filled in is not read for blanks again."""
    return _BRACED.sub(lambda blank: values.get(blank[1], blank[0]), text)


def _primary(tag: str) -> str:
    return tag.partition("-")[0].lower()
