"""From a mistake at a path to the line and column of the text that was sent."""

from collections.abc import Sequence

from veilleur.domain.rules.findings import Finding, Mistake, write_path, write_pointer
from veilleur.domain.rules.source import Source, locate_in_source
from veilleur.domain.rules.syntax import Event, Spot, find_place


def locate_mistakes(source: Source, mistakes: Sequence[Mistake]) -> list[Finding]:
    """The mistakes as they are shown, in the order of the text (of the document, for an object)."""
    spots = locate_in_source(source, {mistake.path for mistake in mistakes})
    located = [_locate(source, mistake, spots) for mistake in mistakes]
    if source.text is not None:
        located.sort(key=lambda finding: (finding.line or 0, finding.column or 0))
    return located


def _locate(source: Source, mistake: Mistake, spots: dict[tuple[str | int, ...], Spot]) -> Finding:
    line, column = mistake.within or (None, None)
    spot = spots.get(mistake.path)
    if source.text is not None:
        event = None if spot is None else spot.key if mistake.at_key and spot.key else spot.event
        line, column = (1, 1) if event is None else find_place(source.text, _find_offset(source.text, event, mistake))
    return Finding(
        path=write_path(mistake.path, source.value),
        pointer=write_pointer(mistake.path),
        line=line,
        column=column,
        message=mistake.message,
        hint=mistake.hint,
        slug=mistake.slug,
        level=mistake.level,
    )


def _find_offset(text: str, event: Event, mistake: Mistake) -> int:
    """Where in the text the character of a scalar stands that a mistake points at; else where the value starts."""
    if mistake.within is None or event.style in {"|", ">"}:
        return event.start
    line, column = mistake.within
    lines = event.text.split("\n")
    index = sum(len(earlier) + 1 for earlier in lines[: line - 1]) + column - 1
    written = text[event.start : event.end]
    if not event.style:
        return event.start + index if written[:index] == event.text[:index] else event.start
    position = 1
    for _ in range(min(index, len(event.text))):
        position += _measure_character(written, position, event.style)
    return event.start + position if position < len(written) else event.start


def _measure_character(written: str, position: int, quote: str) -> int:
    """How many characters of a quoted text spell the next one."""
    here = written[position : position + 2]
    if quote == "'":
        return 2 if here == "''" else 1
    if not here.startswith("\\"):
        return 1
    length = {"x": 4, "u": 6, "U": 10}.get(here[1:], 2)
    pair = here[1:] == "u" and written[position + 2 : position + 4].lower() in {"d8", "d9", "da", "db"}
    return 12 if pair else length
