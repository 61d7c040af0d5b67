"""The three keys of one text, each made when first asked for, and the way back to the text as sent."""

import unicodedata

from veilleur.domain.rules.signals.hard import HardKey, harden, may_hide
from veilleur.domain.rules.signals.light import lighten, lighten_mapped
from veilleur.domain.rules.signals.mapped import MappedText, Span
from veilleur.domain.rules.signals.soft import soften, soften_mapped
from veilleur.kernel.lazy import lazy

HARD_REACH = 12_000
"""Characters of a text in which disguises are undone: it takes a microsecond or two each."""


class TextKeys:
    """Keys are cheap; the ways back cost ten times as much and are made only for texts in which something is found."""

    def __init__(self, text: str) -> None:
        self.text = text

    @lazy
    def light(self) -> str:
        """Where the text is not composed, making the key makes the way back as well."""
        composed = self.text.isascii() or unicodedata.is_normalized("NFC", self.text)
        return lighten(self.text) if composed or self._light_map is None else self._light_map.text

    @lazy
    def soft(self) -> str:
        return soften(self.light)

    @lazy
    def hard(self) -> HardKey | None:
        return harden(self.light[:HARD_REACH])

    @lazy
    def hides_more(self) -> bool:
        """Whether there are disguises beyond what was looked at."""
        return len(self.light) > HARD_REACH and may_hide(self.light[HARD_REACH:])

    def trace_light(self, span: Span) -> Span:
        """A span of the light key as a span of the text as sent."""
        return span if self._light_map is None else self._light_map.trace_back(span)

    def trace_soft(self, span: Span) -> Span:
        return self.trace_light(self._soft_map.trace_back(span))

    def trace_hard(self, span: Span) -> Span:
        return span if self.hard is None else self.trace_light(self.hard.trace_back(span))

    @lazy
    def _light_map(self) -> MappedText | None:
        return None if self.text.isascii() else lighten_mapped(self.text)

    @lazy
    def _soft_map(self) -> MappedText:
        return soften_mapped(self.light)
