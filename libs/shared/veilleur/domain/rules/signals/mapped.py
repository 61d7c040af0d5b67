"""Text that was derived from another text and still knows where each of its characters came from."""

from dataclasses import dataclass

Span = tuple[int, int]
"""Half-open, in code points."""


@dataclass(frozen=True, slots=True)
class MappedText:
    """`text[i]` stands for the characters `starts[i]:ends[i]` of the text it was derived from."""

    text: str
    starts: list[int]
    ends: list[int]

    def trace_back(self, span: Span) -> Span:
        """A non-empty span of this text as a span of the text it was derived from."""
        start, end = span
        return self.starts[start], self.ends[end - 1]


def merge_spans(spans: list[Span]) -> list[Span]:
    """Sorted spans in which those that overlap have become one; spans that only touch stay apart."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
