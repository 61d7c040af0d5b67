"""From what was sent to plain JSON values: an object as it is, or a text of YAML 1.2 or JSON.

Nothing of YAML beyond JSON's data model is read: no tags, no anchors and aliases, no merge keys, one document. Keys are
texts. Size, depth and number of values are bounded before anything else looks at them.
"""

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from veilleur.domain.rules.document import Path
from veilleur.domain.rules.findings import write_pointer
from veilleur.domain.rules.json_events import list_json_events, read_json
from veilleur.domain.rules.syntax import Spot, UnreadableError, find_place, locate_paths
from veilleur.domain.rules.yaml_events import compose_yaml, list_yaml_events
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import Message, msg

MAX_CHARACTERS = 16 << 20
MAX_DEPTH = 48
"""A condition nested sixteen times is an object and a list each time."""

MAX_VALUES = 300_000
MAX_NUMBER = 2**53
"""Beyond it a number is not the same to every reader of JSON."""


@dataclass(frozen=True, slots=True)
class Source:
    """`value` is plain JSON; `text` is what was sent, None for an object."""

    value: object
    text: str | None
    syntax: Literal["object", "json", "yaml"]


def read_source(source: object) -> Source:
    """Raises `Invalid` with the one mistake that stopped the reading, and where it is."""
    read = _read_text(source) if isinstance(source, str) else Source(source, None, "object")
    foreign = _find_foreign(read.value)
    if foreign is not None:
        path, message, slug = foreign
        spot = locate_in_source(read, [path]).get(path)
        place = (None, None) if spot is None or read.text is None else find_place(read.text, spot.event.start)
        raise _refuse(message, slug, path, *place)
    return read


def locate_in_source(source: Source, paths: Collection[Path]) -> dict[Path, Spot]:
    """Where the values at some paths stand in the text; nothing for a document that was sent as an object."""
    if source.text is None:
        return {}
    events = list_json_events(source.text) if source.syntax == "json" else list_yaml_events(source.text)
    return locate_paths(events, paths)


def _read_text(text: str) -> Source:
    if len(text) > MAX_CHARACTERS:
        raise _refuse(msg("is longer than {limit} characters", limit=MAX_CHARACTERS), "rule-set-too-long")
    looks_like_json = text.lstrip()[:1] in {"{", "["}
    json_mistake: UnreadableError | None = None
    if looks_like_json:
        try:
            return Source(read_json(text), text, "json")
        except UnreadableError as mistake:
            json_mistake = mistake
    try:
        return Source(compose_yaml(text, max_depth=MAX_DEPTH, max_values=MAX_VALUES), text, "yaml")
    except UnreadableError as mistake:
        # `{format: …}` is YAML; what is neither was most likely meant as JSON
        told = json_mistake if json_mistake is not None and json_mistake.line else mistake
        raise _refuse(told.message, "rule-set-syntax", (), told.line, told.column) from mistake


def _refuse(
    message: Message, slug: str, path: Path = (), line: int | None = None, column: int | None = None
) -> Invalid:
    error = InputError(write_pointer(path), message, None, line, column)
    return Invalid(msg("The rule set can't be read"), slug=slug, errors=[error])


_Foreign = tuple[Path, Message, str]


def _find_foreign(value: object) -> _Foreign | None:
    """What is not JSON, or beyond what is read: depth, number of values, characters that can't be stored."""
    values = 0
    characters = 0
    waiting: list[tuple[object, Path]] = [(value, ())]
    while waiting:
        here, path = waiting.pop()
        values += 1
        if len(path) >= MAX_DEPTH:
            return path, msg("is nested deeper than {limit}", limit=MAX_DEPTH), "rule-set-too-deep"
        if isinstance(here, dict):
            if not all(isinstance(name, str) for name in here):
                return path, msg("a key must be text"), "rule-set-type"
            waiting.extend((member, (*path, name)) for name, member in here.items())
            characters += sum(map(len, here))
        elif isinstance(here, list):
            waiting.extend((member, (*path, index)) for index, member in enumerate(here))
        elif isinstance(here, str):
            characters += len(here)
        if values + len(waiting) > MAX_VALUES or characters > MAX_CHARACTERS:
            return path, msg("holds more than {limit} values", limit=MAX_VALUES), "rule-set-too-large"
        foreign = _judge_scalar(here, path)
        if foreign is not None:
            return foreign
    return None


def _judge_scalar(value: object, path: Path) -> _Foreign | None:
    texts = value if isinstance(value, dict) else [value] if isinstance(value, str) else ()
    if any("\0" in text or _SURROGATE.search(text) for text in texts):
        return path, msg("holds a character that can't be stored"), "rule-set-character"
    if isinstance(value, float) and not math.isfinite(value):
        return path, msg("NaN and Infinity are no JSON numbers"), "rule-set-number"
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        return path, msg("holds a whole number beyond {limit}", limit="±2^53"), "rule-set-number"
    if value is not None and not isinstance(value, dict | list | str | int | float):
        return path, msg("holds something that is not JSON"), "rule-set-type"
    return None


_SURROGATE = re.compile("[\ud800-\udfff]")
