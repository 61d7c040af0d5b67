"""`item/v1`: what a condition may speak of. Names, their types, and what stands for them while unknown."""

import re
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
    "item.lang": FieldType.TEXT,  # as the sender says it, the primary subtag; else as detected, or `und`
    "item.lang_detected": FieldType.TEXT,  # one of the client's languages, or `und`
    "item.text": FieldType.TEXT,
    "item.length": FieldType.INT,  # code points
    "item.letters": FieldType.INT,
    "item.words": FieldType.INT,
    "item.upper_ratio": FieldType.DOUBLE,  # capitals among the letters that have case; 0.0 without such letters
    "item.media_count": FieldType.INT,
    "item.near_dup": FieldType.TEXT,  # the same for texts with the same letters; unknown without letters
    "item.near_dup_fuzzy": FieldType.TEXTS,  # texts much alike share one of these or more; unknown for short texts
    "author.external_id": FieldType.TEXT,
    "author.id": FieldType.TEXT,  # the same
    "author.name": FieldType.TEXT,
    "author.trust": FieldType.TEXT,
    "author.has_created_at": FieldType.BOOL,
    "author.account_age_days": FieldType.INT,  # whole days at receipt; unknown without `author.created_at`
    "author.prior_approved": FieldType.INT,  # decisions of this client on this author's items that let them stand
    "author.prior_removed": FieldType.INT,
    "author.strikes": FieldType.INT,  # restrictions and removals that stand and have not expired
    "source.id": FieldType.TEXT,
    "client.languages": FieldType.TEXTS,  # ISO 639-1; where they are not known, no language is detected
    "pii.phones": FieldType.INT,
    "pii.emails": FieldType.INT,
    "pii.ibans": FieldType.INT,
    "links.count": FieldType.INT,
    "links.shorteners": FieldType.INT,  # links of services that hide where they lead
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

CATEGORIES = (
    "insult", "hate", "threat", "sexual", "sexual_minors", "violence", "self_harm", "illicit", "spam", "pii",
    "toxicity",
)  # fmt: skip
"""What providers score, each 0.0 to 1.0 under `provider.<category>`, whatever they call it themselves."""

FIELDS |= {f"provider.{category}": FieldType.DOUBLE for category in CATEGORIES}

AUTHOR_HISTORY = frozenset({"author.prior_approved", "author.prior_removed", "author.strikes"})
GATHERED = AUTHOR_HISTORY | {name for name in FIELDS if name.startswith("provider.")}
"""Fields that are not read from the item but handed in; unknown without."""

UNTOLD = frozenset({"item.text", "context.parent_text", "context.title", "metadata", "client.languages"})
"""What a trace does not repeat: the item has it, or the client."""

FUNCTIONS = {
    "hits": FieldType.INT,
    "pattern": FieldType.BOOL,
    "linked": FieldType.BOOL,
    "media": FieldType.BOOL,
    "counter": FieldType.INT,
}
"""Each takes one name in quotes: of a phrase list, a pattern, a list of domains, one of hashes, a counter."""

GATHERED_CALLS = frozenset({"media", "counter"})
"""Calls whose value may be handed in; a counter's always is."""

ROOTS = frozenset({name.partition(".")[0] for name in FIELDS}) | {"params"}

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


def find_field(name: str) -> str | None:
    """The field a dotted name starts with: `item.text.contains` → `item.text`.

    A provider's own categories, `provider.<name>.<category>`, are fields without being listed.
    """
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        field = ".".join(parts[:count])
        if field in FIELDS or _PROVIDER_FIELD.fullmatch(field):
            return field
    return None


def type_field(name: str) -> FieldType:
    """The type of a field that `find_field` knows."""
    return FIELDS.get(name, FieldType.DOUBLE)


def split_call(name: str) -> tuple[str, str] | None:
    """`counter('posts_10m')` → `("counter", "posts_10m")`; None for what is no such call."""
    function, _, argument = name.partition("('")
    return (function, argument[:-2]) if function in FUNCTIONS and argument.endswith("')") else None


def name_provider_field(provider: str, category: str) -> str:
    """`openai`, `harassment/threatening` → `provider.openai.harassment_threatening`."""
    words = (re.sub(r"[^A-Za-z0-9]+", "_", part).strip("_") for part in (provider, category))
    return ".".join(("provider", *words)).lower()


def fits_type(value: object, field_type: FieldType) -> bool:
    """Whether a JSON value is one of a field's type; `true` is no number and `1` no decimal."""
    if field_type is FieldType.TEXTS:
        return isinstance(value, list) and all(isinstance(part, str) for part in value)
    if field_type is FieldType.MAP:
        return isinstance(value, dict) and all(isinstance(part, str) for part in value.values())
    return type(value) is _PYTHON_TYPES[field_type]


_PROVIDER_FIELD = re.compile(
    rf"provider\.(?!(?:{'|'.join(CATEGORIES)})\.)[A-Za-z][A-Za-z0-9_]*\.[A-Za-z0-9][A-Za-z0-9_]*"
)

_PYTHON_TYPES: dict[FieldType, type] = {
    FieldType.INT: int,
    FieldType.DOUBLE: float,
    FieldType.TEXT: str,
    FieldType.BOOL: bool,
}
