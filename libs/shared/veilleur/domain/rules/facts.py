"""The facts of one item, read from what its sender says; the same for every rule set.

A field that was not sent is absent from `fields`: unknown, never 0 or empty.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from veilleur.domain.rules.expressions import MAX_LOOP_ITEMS
from veilleur.domain.rules.signals.links import Link, find_links
from veilleur.domain.rules.signals.shape import measure_shape

UNDETERMINED = "und"


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """`fields` by their name in `schema.FIELDS`; `now` is the instant the item is judged at."""

    text: str
    links: tuple[Link, ...]
    fields: Mapping[str, object]
    now: datetime


def item_facts(item: Mapping[str, object], now: datetime) -> ItemFacts:
    """The facts of an item in the shape of the contract.

    Total: whatever is missing or of another type is unknown. Characters that are none (lone surrogates) are read as
    U+FFFD, which keeps every place in the text.
    """
    text = _SURROGATE.sub("\ufffd", _read_text(item.get("text")) or "")
    links = find_links(text)
    fields: dict[str, object] = {"item.text": text, "item.lang": _read_language(item.get("language"))}
    fields |= _describe_item(item, text)
    fields |= _describe_links(links)
    fields |= _describe_author(_read_object(item.get("author")), now)
    fields |= _describe_context(_read_object(item.get("context")))
    fields["metadata"] = _read_metadata(_read_object(item.get("metadata")))
    return ItemFacts(text, links, {name: value for name, value in fields.items() if value is not None}, now)


def lay_over(facts: ItemFacts, fields: Mapping[str, object]) -> ItemFacts:
    """The facts with some fields replaced, for a rule's own tests."""
    return replace(facts, fields={**facts.fields, **fields})


_SURROGATE = re.compile("[\ud800-\udfff]")
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?=$|[-_])")


def _describe_item(item: Mapping[str, object], text: str) -> dict[str, object]:
    shape = measure_shape(text)
    media = item.get("media")
    return {
        "item.kind": _read_text(item.get("kind")),
        "item.length": shape.length,
        "item.letters": shape.letters,
        "item.words": shape.words,
        "item.upper_ratio": shape.upper_ratio,
        "item.media_count": len(media) if isinstance(media, list) else 0,
    }


def _describe_links(links: tuple[Link, ...]) -> dict[str, object]:
    return {
        "links.count": len(links),
        "links.hosts": list(dict.fromkeys(link.host for link in links)),
        "links.domains": list(dict.fromkeys(link.domain for link in links)),
    }


def _describe_author(author: Mapping[str, object], now: datetime) -> dict[str, object]:
    created_at = _read_instant(author.get("created_at"))
    return {
        "author.external_id": _read_text(author.get("external_id")),
        "author.name": _read_text(author.get("display_name")),
        "author.trust": _read_text(author.get("trust")),
        "author.has_created_at": created_at is not None,
        "author.account_age_days": None if created_at is None else max((now - created_at).days, 0),
    }


def _describe_context(context: Mapping[str, object]) -> dict[str, object]:
    parent = _read_object(context.get("parent"))
    return {
        "context.channel": _read_text(context.get("channel")),
        "context.thread_id": _read_text(context.get("thread_id")),
        "context.title": _read_text(context.get("title")),
        "context.is_reply": bool(parent),
        "context.parent_text": _read_text(parent.get("text")),
        "context.parent_author": _read_text(_read_object(parent.get("author")).get("external_id")),
    }


def _read_metadata(metadata: Mapping[str, object]) -> dict[str, str]:
    """Flat scalars as text: `3`, `0.5`, `true`; the first fifty, and null is as good as not sent."""
    texts: dict[str, str] = {}
    for name, value in metadata.items():
        if len(texts) == MAX_LOOP_ITEMS:
            break
        if isinstance(value, bool):
            texts[_clean(name)] = "true" if value else "false"
        elif isinstance(value, int | float | str):
            texts[_clean(name)] = _clean(str(value))
    return texts


def _read_object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _read_text(value: object) -> str | None:
    return _clean(value) if isinstance(value, str) else None


def _clean(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def _read_language(value: object) -> str:
    """The primary subtag of a BCP 47 tag in lower case: `fr-CA` → `fr`."""
    match = _LANGUAGE.match(value) if isinstance(value, str) else None
    return match[0].lower() if match else UNDETERMINED


def _read_instant(value: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return instant if isinstance(instant, datetime) and instant.tzinfo is not None else None
