"""Sets of time, as spans in order.

A span is half-open: `(start, stop)` in whole microseconds since 1970-01-01T00:00:00Z, so that sums and differences are
exact. A list of spans is a set of time when it is sorted and nothing in it overlaps or touches; `merge_spans` makes one
of any spans.
"""

from collections.abc import Iterable, Iterator, Sequence

Span = tuple[int, int]


def merge_spans(spans: Iterable[Span]) -> list[Span]:
    """The union as a set of time: spans that overlap or touch become one, empty and reversed ones vanish."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if start >= stop:
            continue
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], stop))
        else:
            merged.append((start, stop))
    return merged


def subtract_spans(spans: Iterable[Span], holes: Sequence[Span]) -> Iterator[Span]:
    """`spans` without `holes`, one by one, so that `spans` may be endless. Both are in order; `holes` is merged."""
    passed = 0
    for start, stop in spans:
        while passed < len(holes) and holes[passed][1] <= start:
            passed += 1
        rest = start
        # A hole may reach into the next span: it is left in place, and passed when a span begins behind it.
        for hole in range(passed, len(holes)):
            hole_start, hole_stop = holes[hole]
            if hole_start >= stop:
                break
            if hole_start > rest:
                yield rest, hole_start
            rest = hole_stop
        if rest < stop:
            yield rest, stop


def cut_spans(spans: Iterable[Span], start: int, stop: int) -> tuple[Span, ...]:
    """What of `spans` lies in `[start, stop)`."""
    return tuple((max(opens, start), min(closes, stop)) for opens, closes in spans if opens < stop and closes > start)
