"""What language a text is in, looked for among those a client works in.

Short texts are read as one of these languages if they may be: "sale con" is French to a French forum, whatever else it
could be. A longer one that is clearly in another language is `und`, as is a text without letters to go by.
"""

from collections.abc import Sequence
from functools import lru_cache

from veilleur.domain.rules.signals.detector import UNDETERMINED, Detector, list_languages, make_detector

REACH = 2_000
"""Characters that are looked at: a language does not hide behind them."""

_CERTAIN = 30
"""From so many letters on a text may be called foreign."""

_COMMON = ("ar", "de", "en", "es", "fr", "it", "nl", "pl", "pt", "ru", "tr", "uk")
"""What texts are in that are in none of the client's languages, mostly."""


def detect_language(text: str, languages: Sequence[str]) -> str:
    """One of `languages` (ISO 639-1), or `und`; always `und` where none are named."""
    detectors = _make_detectors(tuple(languages))
    if detectors is None:
        return UNDETERMINED
    known, wide, narrow = detectors
    seen = text[:REACH]
    language = wide.detect(seen)
    if language in known:
        return language
    if language != UNDETERMINED and sum(map(str.isalpha, seen)) >= _CERTAIN:
        return UNDETERMINED
    return narrow.detect(seen)


@lru_cache(maxsize=256)
def _make_detectors(languages: tuple[str, ...]) -> tuple[frozenset[str], Detector, Detector] | None:
    """What is known of these languages, who looks for any, and who for these alone."""
    known = frozenset(languages) & list_languages()
    return (known, make_detector(known | frozenset(_COMMON)), make_detector(known)) if known else None
