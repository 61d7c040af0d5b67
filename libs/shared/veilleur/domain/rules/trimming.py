"""Rule sets small enough to be tried on a few texts: lists without what occurs in none of them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from veilleur.domain.rules.document import PhraseList, RuleSet
from veilleur.domain.rules.signals.hard import harden_phrase
from veilleur.domain.rules.signals.soft import soften_lines
from veilleur.domain.rules.signals.text import TextKeys

SMALL = 1_000
"""Phrases of a list that is not worth the trouble."""

_GRAM = 3


def trim_phrases(rule_set: RuleSet, texts: Sequence[TextKeys]) -> RuleSet:
    """The rule set without phrases that are in none of these texts: of them it says the same, and is ready in a
    tenth of the time.
    """
    soft = _Haystack(keys.soft for keys in texts)
    hard = _Haystack(keys.hard.text for keys in texts if keys.hard is not None)
    return replace(rule_set, phrases=tuple(_trim(one, soft, hard) for one in rule_set.phrases))


class _Haystack:
    def __init__(self, texts: Iterable[str]) -> None:
        self._text = "\n".join(texts)
        self._grams = {self._text[start : start + _GRAM] for start in range(len(self._text))}

    def mark(self, lines: str) -> Iterator[bool]:
        """Of each line, whether it is in one of the texts."""
        text, grams = self._text, self._grams
        return ((line[:_GRAM] in grams or len(line) < _GRAM) and line in text for line in lines.split("\n"))

    @property
    def is_empty(self) -> bool:
        return not self._text


def _trim(phrases: PhraseList, soft: _Haystack, hard: _Haystack) -> PhraseList:
    if len(phrases.entries) + len(phrases.exceptions) <= SMALL:
        return phrases
    disguised = hard if phrases.fold == "hard" and not hard.is_empty else None
    # One stays in any case: a list in which nothing is left would count as one that looked at every text to its end.
    entries = (*phrases.entries[:1], *_keep(phrases.entries[1:], soft, disguised))
    return replace(phrases, entries=entries, exceptions=tuple(_keep(phrases.exceptions, soft, disguised)))


def _keep(entries: tuple[str, ...], soft: _Haystack, hard: _Haystack | None) -> Iterator[str]:
    if not entries:
        return
    lines = soften_lines(entries)
    found = list(soft.mark(lines))
    if hard is not None:
        found = [one or other for one, other in zip(found, hard.mark(harden_phrase(lines)), strict=True)]
    yield from (entry for entry, is_found in zip(entries, found, strict=True) if is_found)
