"""Phrase lists: all phrases of a rule set in one Aho-Corasick automaton."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick

from veilleur.domain.rules.document import PhraseList
from veilleur.domain.rules.signals.hard import HardKey, harden_phrase
from veilleur.domain.rules.signals.light import lighten
from veilleur.domain.rules.signals.mapped import Span, merge_spans
from veilleur.domain.rules.signals.soft import soften, soften_lines
from veilleur.domain.rules.signals.text import TextKeys

MAX_HITS = 1_000
"""Matches looked at in one text; `hits()` counts no further."""


class PhraseHits:
    """What was found of each list, by its name, in the soft and in the hard key of a text.

    `unknown` are lists of which nothing was found in as much as was looked at.
    """

    def __init__(
        self,
        keys: TextKeys,
        soft: Mapping[str, list[Span]],
        hard: Mapping[str, list[Span]],
        unknown: frozenset[str] = frozenset(),
    ) -> None:
        self._keys = keys
        self._soft = soft
        self._hard = hard
        self.unknown = unknown - soft.keys() - hard.keys()

    @property
    def names(self) -> list[str]:
        return [*self._soft, *(name for name in self._hard if name not in self._soft)]

    def count(self, name: str) -> int:
        """Places in the text, overlapping finds made one. The way back to it is taken only where both keys tell."""
        if name not in self._hard:
            return len(merge_spans(self._soft.get(name, [])))
        return len(merge_spans(self._hard[name]) if name not in self._soft else self.list_spans(name))

    def list_spans(self, name: str) -> list[Span]:
        """Sorted spans of the text as sent."""
        spans = [self._keys.trace_soft(span) for span in self._soft.get(name, ())]
        spans += [self._keys.trace_hard(span) for span in self._hard.get(name, ())]
        return merge_spans(spans)


@dataclass(frozen=True, slots=True)
class _Use:
    """What a string of the automaton stands for: a phrase, or an exception, of the list at `index`."""

    index: int
    exception: bool


@dataclass(frozen=True, slots=True)
class PhraseIndex:
    """`soft_uses[i]` and `hard_uses[i]`: who looks for the automaton's string `i` in the soft and in the hard key."""

    names: tuple[str, ...]
    automaton: AhoCorasick | None
    soft_uses: tuple[tuple[_Use, ...], ...]
    hard_uses: tuple[tuple[_Use, ...], ...]
    hard_names: frozenset[str]
    longest: int

    def find_phrases(self, keys: TextKeys) -> PhraseHits:
        if self.automaton is None:
            return PhraseHits(keys, {}, {})
        soft, whole = self._search(self.automaton, keys.soft, self.soft_uses, None)
        hard: dict[str, list[Span]] = {}
        unknown = frozenset() if whole else frozenset(self.names)
        if self.hard_names and keys.hard is not None:
            hard, whole = self._search(self.automaton, keys.hard.text, self.hard_uses, keys.hard)
            unknown |= frozenset() if whole else self.hard_names
        if self.hard_names and keys.hides_more:
            unknown |= self.hard_names
        return PhraseHits(keys, soft, hard, unknown)

    def _search(
        self, automaton: AhoCorasick, key: str, uses: tuple[tuple[_Use, ...], ...], disguises: HardKey | None
    ) -> tuple[dict[str, list[Span]], bool]:
        """Finds by list, and whether the whole key was searched."""
        found: dict[int, list[Span]] = {}
        excepted: dict[int, list[Span]] = {}
        seen = 0
        for string, start, end in _scan(automaton, key, self.longest):
            seen += 1
            span = _trim(key, start, end)
            for use in uses[string]:
                if use.exception:
                    excepted.setdefault(use.index, []).append(span)
                elif disguises is None or disguises.covers_disguise(span):
                    found.setdefault(use.index, []).append(span)
        if excepted:
            found = {index: _drop_covered(spans, excepted.get(index, [])) for index, spans in found.items()}
        return {self.names[index]: spans for index, spans in found.items() if spans}, seen < MAX_HITS


def index_phrases(lists: Sequence[PhraseList]) -> PhraseIndex:
    """100,000 phrases take about a second, 10,000 a tenth of that."""
    soft: dict[str, tuple[_Use, ...]] = {}
    hard: dict[str, tuple[_Use, ...]] = {}
    for index, phrases in enumerate(lists):
        for use, entries in (
            (_Use(index, exception=False), phrases.entries),
            (_Use(index, exception=True), phrases.exceptions),
        ):
            keys = soften_lines(entries)
            bound = " " if phrases.match == "word" else ""
            _add_uses(soft, keys, bound, use)
            if phrases.fold == "hard":
                _add_uses(hard, harden_phrase(keys), bound, use)
    strings = [string for string in soft | hard if string.strip()]
    return PhraseIndex(
        names=tuple(phrases.name for phrases in lists),
        automaton=AhoCorasick(strings, store_patterns=False) if strings else None,
        soft_uses=tuple([soft.get(string, ()) for string in strings]),
        hard_uses=tuple([hard.get(string, ()) for string in strings]),
        hard_names=frozenset(phrases.name for phrases in lists if phrases.fold == "hard"),
        longest=max(map(len, strings), default=0),
    )


def fold_phrase(entry: str) -> str:
    """What is compared of a phrase; empty when it has no letter, digit or symbol."""
    return soften(lighten(entry)).strip()


_WINDOW = 4_000


def _scan(automaton: AhoCorasick, key: str, longest: int) -> Iterator[tuple[int, int, int]]:
    """Overlapping matches in order, window by window: a list of nested phrases can't fill the memory."""
    seen = 0
    for offset in range(0, len(key), _WINDOW):
        window = key[offset : offset + _WINDOW + longest]
        for string, start, end in automaton.find_matches_as_indexes(window, overlapping=True):
            if start < _WINDOW:
                yield string, offset + start, offset + end
                seen += 1
                if seen >= MAX_HITS:
                    return


def _trim(key: str, start: int, end: int) -> Span:
    """Without the spaces that stand for the bounds of words."""
    return start + (key[start] == " "), end - (key[end - 1] == " ")


def _drop_covered(spans: list[Span], covers: list[Span]) -> list[Span]:
    return [
        (start, end)
        for start, end in spans
        if not any(cover_start <= start and end <= cover_end for cover_start, cover_end in covers)
    ]


def _add_uses(uses: dict[str, tuple[_Use, ...]], lines: str, bound: str, use: _Use) -> None:
    alone = (use,)
    for line in lines.split("\n"):
        string = f"{bound}{line}{bound}"
        known = uses.setdefault(string, alone)
        if use not in known:
            uses[string] = (*known, use)
