"""A mapping an owner writes: where the fields of an item stand in somebody else's JSON.

    {"items": "$.records[*]", "type": {"at": "$.event", "values": {"new": "item.created", "gone": "item.deleted"}},
     "fields": {"external_id": "$.id", "text": "$.body", "author.external_id": "$.user.id", "kind": {"value": "post"}}}

Paths are JSONPath (RFC 9535) of names, indexes and, in `items` only, wildcards (see `json_path`). Without `items` the
whole body is one item.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, cast

from pydantic import AfterValidator, Field

from veilleur.domain.intake.envelope import EventType
from veilleur.domain.intake.sources.json_path import check_path, follow_path
from veilleur.domain.intake.sources.protocol import Mapped
from veilleur.domain.intake.sources.settings import Settings
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import Json

FIELDS = (
    "external_id", "revision", "kind", "text", "language", "url", "created_at",
    "author.external_id", "author.display_name", "author.created_at", "author.trust",
    "context.channel", "context.thread_id", "context.title", "context.parent.external_id", "context.parent.text",
    "report.source", "report.reason", "report.detail", "report.reporter.external_id",
)  # fmt: skip
"""What may be mapped, besides `metadata.<name>`."""

AS_TEXT = frozenset({"external_id", "author.external_id", "author.trust", "context.channel", "context.thread_id",
                     "context.parent.external_id", "report.reporter.external_id"})  # fmt: skip
"""Identifiers: numbers become text, for many platforms count."""


def _check_path(path: str) -> str:
    return check_path(path, wildcards=False)


def _check_items(path: str) -> str:
    return check_path(path, wildcards=True)


def _check_field(name: str) -> str:
    if name not in FIELDS and not name.startswith("metadata."):
        raise ValueError(msg("is no field of an item; allowed: {codes}", codes=[*FIELDS, "metadata.…"]))
    return name


Path = Annotated[str, Field(max_length=500), AfterValidator(_check_path)]


class Constant(Settings):
    """The same for every item."""

    value: str | int | float | bool


class TypeMapping(Settings):
    """What happened, by the value at a path; values not named are left out."""

    at: Path
    values: Annotated[dict[str, EventType], Field(min_length=1, max_length=50)]


class JsonMapping(Settings):
    items: Annotated[str, Field(max_length=500), AfterValidator(_check_items)] | None = None
    type: TypeMapping | None = None
    fields: Annotated[
        dict[Annotated[str, AfterValidator(_check_field)], Path | Constant], Field(min_length=1, max_length=70)
    ]


@dataclass(frozen=True, slots=True)
class _Found:
    """`value` None with `there` False: the path leads nowhere."""

    value: Json
    there: bool


def apply_mapping(mapping: JsonMapping, body: Json) -> list[Mapped]:
    """The events of a body; entries of a type that is not named are left out."""
    return [
        Mapped(event_type, _write_item(mapping, entry))
        for entry in _list_entries(mapping, body)
        if (event_type := _read_type(mapping, entry)) is not None
    ]


def _list_entries(mapping: JsonMapping, body: Json) -> Iterator[Json]:
    if mapping.items is None:
        yield body
        return
    yield from follow_path(mapping.items, body)


def _read_type(mapping: JsonMapping, entry: Json) -> EventType | None:
    if mapping.type is None:
        return "item.created"
    return mapping.type.values.get(str(_find(mapping.type.at, entry).value))


def _write_item(mapping: JsonMapping, entry: Json) -> dict[str, Json]:
    item: dict[str, Json] = {}
    for name, rule in mapping.fields.items():
        found = _Found(rule.value, there=True) if isinstance(rule, Constant) else _find(rule, entry)
        if found.there and found.value is not None:
            _put(item, name, _as_identifier(found.value) if name in AS_TEXT else found.value)
    return item


def _find(path: str, entry: Json) -> _Found:
    values = follow_path(path, entry)
    return _Found(values[0], there=True) if values else _Found(None, there=False)


def _as_identifier(value: Json) -> Json:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _put(item: dict[str, Json], name: str, value: Json) -> None:
    *parents, last = name.split(".", 1) if name.startswith("metadata.") else name.split(".")
    place = item
    for parent in parents:
        place = cast("dict[str, Json]", place.setdefault(parent, {}))
    place[last] = value
