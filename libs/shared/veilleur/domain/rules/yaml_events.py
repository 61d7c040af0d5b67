"""YAML text: its JSON subset by YAML 1.2's core schema, and where each value stands.

libyaml finds the events; what a plain scalar means is decided here, so that `no`, `on` and `1_000` are texts as YAML
1.2 says, not what YAML 1.1 made of them.
"""

import re
from collections.abc import Iterator

import yaml

from veilleur.domain.rules.syntax import Event, UnreadableError, find_place
from veilleur.kernel.messages import msg


def compose_yaml(text: str, *, max_depth: int, max_values: int) -> object:
    """The value of the one document; an empty text is null. Raises `UnreadableError` for whatever is not JSON's."""
    composer = _Composer(text)
    for count, event in enumerate(list_yaml_events(text)):
        if count > max_values:
            raise UnreadableError(msg("holds more than {limit} values", limit=max_values))
        composer.take(event)
        if composer.depth > max_depth:
            place = find_place(text, event.start)
            raise UnreadableError(msg("is nested deeper than {limit}", limit=max_depth), *place)
    return composer.value


def list_yaml_events(text: str) -> Iterator[Event]:
    """Raises `UnreadableError` where the text stops being YAML, at tags, anchors, aliases and a second document."""
    documents = 0
    try:
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
            if documents > 1:
                raise UnreadableError(msg("holds more than one document"), *_place(event))
            if isinstance(event, yaml.NodeEvent):
                _refuse_extras(event)
                yield _read_event(event)
            elif isinstance(event, yaml.CollectionEndEvent):
                yield Event("end", event.start_mark.index, event.end_mark.index)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (None, None) if mark is None else (mark.line + 1, mark.column + 1)
        raise UnreadableError(
            msg("is not YAML: {reason}", reason=error.problem or error.context or ""), *place
        ) from error
    except yaml.reader.ReaderError as error:
        message = msg("holds a character that can't be stored")
        raise UnreadableError(message, *find_place(text, int(error.position))) from error
    except UnicodeEncodeError as error:
        message = msg("holds a character that can't be stored")
        raise UnreadableError(message, *find_place(text, error.start)) from error


def read_plain(text: str) -> object:
    """A plain scalar by the core schema (YAML 1.2.2, 10.3.2)."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text) or _OCTAL.fullmatch(text) or _HEX.fullmatch(text):
        return int(text, 0 if "o" in text or "x" in text else 10) if len(text) <= _LONGEST_INTEGER else 1 << 64
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _SPECIAL.fullmatch(text):
        return float(text.replace(".", ""))
    return text


_Loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_CONSTANTS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_SPECIAL = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_LONGEST_INTEGER = 20


class _Composer:
    """Builds the value from events; keys are texts as written."""

    def __init__(self, text: str) -> None:
        self.value: object = None
        self._text = text
        self._stack: list[dict[str, object] | list[object]] = []
        self._keys: list[str | None] = []

    @property
    def depth(self) -> int:
        return len(self._stack)

    def take(self, event: Event) -> None:
        if event.kind == "end":
            self._stack.pop()
            self._keys.pop()
            return
        if self._stack and isinstance(self._stack[-1], dict) and self._keys[-1] is None:
            self._keys[-1] = self._read_key(event, self._stack[-1])
            return
        if event.kind == "scalar":
            self._place(event.text if event.style else read_plain(event.text))
            return
        container: dict[str, object] | list[object] = {} if event.kind == "object" else []
        self._place(container)
        self._stack.append(container)
        self._keys.append(None)

    def _place(self, value: object) -> None:
        if not self._stack:
            self.value = value
            return
        parent = self._stack[-1]
        key = self._keys[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif key is not None:
            parent[key] = value
            self._keys[-1] = None

    def _read_key(self, event: Event, parent: dict[str, object]) -> str:
        if event.kind != "scalar":
            raise UnreadableError(msg("a key must be text"), *find_place(self._text, event.start))
        if event.text in parent:
            message = msg("the key {name} stands here twice", name=event.text[:64])
            raise UnreadableError(message, *find_place(self._text, event.start))
        return event.text


def _refuse_extras(event: yaml.NodeEvent) -> None:
    if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
        raise UnreadableError(msg("anchors and aliases are not read here"), *_place(event))
    if event.tag is not None:
        raise UnreadableError(msg("tags are not read here"), *_place(event))


def _read_event(event: yaml.NodeEvent) -> Event:
    start, end = event.start_mark.index, event.end_mark.index
    if isinstance(event, yaml.ScalarEvent):
        return Event("scalar", start, end, event.value, event.style or "")
    return Event("object" if isinstance(event, yaml.MappingStartEvent) else "list", start, end)


def _place(event: yaml.Event) -> tuple[int, int]:
    return event.start_mark.line + 1, event.start_mark.column + 1
