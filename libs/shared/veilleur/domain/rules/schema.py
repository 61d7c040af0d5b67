"""`item/v1`: what a condition may speak of. Names, their types, and what stands for them while unknown."""

from enum import StrEnum


class FieldType(StrEnum):
    """A type of the condition language, by its name there."""

    INT = "int"
    DOUBLE = "double"
    TEXT = "string"
    BOOL = "bool"
    TEXTS = "list<string>"
    MAP = "map<string, string>"
    INTS = "list<int>"
    FLAGS = "list<bool>"


FIELDS: dict[str, FieldType] = {
    "item.kind": FieldType.TEXT,
    "item.lang": FieldType.TEXT,  # as the sender says it, the primary subtag; `und` when it does not
    "item.text": FieldType.TEXT,
    "item.length": FieldType.INT,  # code points
    "item.letters": FieldType.INT,
    "item.words": FieldType.INT,
    "item.upper_ratio": FieldType.DOUBLE,  # capitals among the letters that have case; 0.0 without such letters
    "item.media_count": FieldType.INT,
    "author.external_id": FieldType.TEXT,
    "author.name": FieldType.TEXT,
    "author.trust": FieldType.TEXT,
    "author.has_created_at": FieldType.BOOL,
    "author.account_age_days": FieldType.INT,  # whole days at receipt; unknown without `author.created_at`
    "links.count": FieldType.INT,
    "links.hosts": FieldType.TEXTS,
    "links.domains": FieldType.TEXTS,  # registered domains, in order, without repeats
    "context.channel": FieldType.TEXT,
    "context.thread_id": FieldType.TEXT,
    "context.title": FieldType.TEXT,
    "context.is_reply": FieldType.BOOL,
    "context.parent_text": FieldType.TEXT,
    "context.parent_author": FieldType.TEXT,
    "metadata": FieldType.MAP,  # flat scalars as text; a key that was not sent is unknown
}

LATER_FIELDS = frozenset({"author.prior_approved", "author.prior_removed", "author.strikes", "item.near_dup"})
LATER_ROOTS = frozenset({"provider", "media", "counters"})
"""Part of the format, not available yet."""

FUNCTIONS = {"hits": FieldType.INT, "pattern": FieldType.BOOL, "linked": FieldType.BOOL}
"""Each takes one name in quotes: of a phrase list, of a pattern, of a domain list."""

LATER_FUNCTIONS = {"counter": FieldType.INT}

ROOTS = frozenset({name.partition(".")[0] for name in FIELDS}) | LATER_ROOTS | {"params"}

PLACEHOLDERS: dict[FieldType, object] = {
    FieldType.INT: 0,
    FieldType.DOUBLE: 0.0,
    FieldType.TEXT: "",
    FieldType.BOOL: False,
    FieldType.TEXTS: [],
    FieldType.MAP: {},
    FieldType.INTS: [],
    FieldType.FLAGS: [],
}
"""What an unknown field holds where a value must stand; no condition that reads it is believed."""


def fits_type(value: object, field_type: FieldType) -> bool:
    """Whether a JSON value is one of a field's type; `true` is no number and `1` no decimal."""
    if field_type is FieldType.TEXTS:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    if field_type is FieldType.MAP:
        return isinstance(value, dict) and all(isinstance(part, str) for part in value.values())
    return type(value) is _PYTHON_TYPES[field_type]


_PYTHON_TYPES: dict[FieldType, type] = {
    FieldType.INT: int,
    FieldType.DOUBLE: float,
    FieldType.TEXT: str,
    FieldType.BOOL: bool,
}
