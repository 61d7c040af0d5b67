"""The text of a document as a stream of events with places, the same for YAML and JSON."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Literal

from veilleur.domain.rules.document import Path
from veilleur.kernel.messages import Message


class UnreadableError(Exception):
    """The text can't be read; `line` and `column` count from 1, in code points."""

    def __init__(self, message: Message, line: int | None = None, column: int | None = None) -> None:
        super().__init__(str(message))
        self.message = message
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Event:
    """`start` and `end` are offsets into the text, quotes included; `style` is the quote or `""`, `|`, `>`."""

    kind: Literal["object", "list", "scalar", "end"]
    start: int
    end: int
    text: str = ""
    style: str = ""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a value stands in the text, and the key before it, where it has one."""

    event: Event
    key: Event | None


def locate_paths(events: Iterator[Event], wanted: Collection[Path]) -> dict[Path, Spot]:
    """The spots of those paths that exist in the text."""
    missing = set(wanted)
    spots: dict[Path, Spot] = {}
    stack: list[_Open] = []
    for event in events:
        if not missing:
            break
        if event.kind == "end":
            stack.pop()
            continue
        parent = stack[-1] if stack else None
        if parent is not None and parent.wants_key:
            parent.key = event
            continue
        path = parent.take_step(event) if parent is not None else ()
        if path in missing:
            missing.discard(path)
            spots[path] = Spot(event, parent.key if parent is not None and parent.is_object else None)
        if parent is not None:
            parent.key = None
        if event.kind != "scalar":
            stack.append(_Open(path, is_object=event.kind == "object"))
    return spots


def find_duplicate_key(events: Iterator[Event]) -> Event | None:
    """The first key that stands twice in one object."""
    seen: list[set[str] | None] = []
    expects_key: list[bool] = []
    for event in events:
        if event.kind == "end":
            seen.pop()
            expects_key.pop()
            continue
        names = seen[-1] if seen else None
        if names is not None and expects_key[-1]:
            if event.text in names:
                return event
            names.add(event.text)
            expects_key[-1] = False
            continue
        if names is not None:
            expects_key[-1] = True
        if event.kind != "scalar":
            seen.append(set() if event.kind == "object" else None)
            expects_key.append(event.kind == "object")
    return None


def find_place(text: str, offset: int) -> tuple[int, int]:
    """The line and column, from 1, of an offset into a text."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1


class _Open:
    """An object or list that is being walked through."""

    def __init__(self, path: Path, *, is_object: bool) -> None:
        self.path = path
        self.is_object = is_object
        self.key: Event | None = None
        self._count = 0

    @property
    def wants_key(self) -> bool:
        return self.is_object and self.key is None

    def take_step(self, event: Event) -> Path:  # noqa: ARG002
        if self.is_object:
            return (*self.path, self.key.text if self.key is not None else "")
        self._count += 1
        return (*self.path, self._count - 1)
