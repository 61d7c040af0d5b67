"""What an item's sender says about it, read without trust: a value that is missing or of another type is unknown."""

import re
from collections.abc import Mapping
from datetime import datetime

from veilleur.domain.rules.expressions import MAX_LOOP_ITEMS
from veilleur.domain.rules.signals.detector import UNDETERMINED
from veilleur.domain.rules.signals.hashes import MediaHashes

MAX_MEDIA = 50
"""Media of one item whose hashes are compared."""


def describe_item(item: Mapping[str, object]) -> dict[str, object]:
    media = item.get("media")
    return {
        "item.kind": read_text(item.get("kind")),
        "item.media_count": len(media) if isinstance(media, list) else 0,
    }


def describe_author(author: Mapping[str, object], now: datetime) -> dict[str, object]:
    created_at = _read_instant(author.get("created_at"))
    return {
        "author.external_id": read_text(author.get("external_id")),
        "author.id": read_text(author.get("external_id")),
        "author.name": read_text(author.get("display_name")),
        "author.trust": read_text(author.get("trust")),
        "author.has_created_at": created_at is not None,
        "author.account_age_days": None if created_at is None else max((now - created_at).days, 0),
    }


def describe_context(context: Mapping[str, object]) -> dict[str, object]:
    parent = read_object(context.get("parent"))
    return {
        "context.channel": read_text(context.get("channel")),
        "context.thread_id": read_text(context.get("thread_id")),
        "context.title": read_text(context.get("title")),
        "context.is_reply": bool(parent),
        "context.parent_text": read_text(parent.get("text")),
        "context.parent_author": read_text(read_object(parent.get("author")).get("external_id")),
    }


def read_metadata(metadata: Mapping[str, object]) -> dict[str, str]:
    """Flat scalars as text: `3`, `0.5`, `true`; the first fifty, and null is as good as not sent."""
    texts: dict[str, str] = {}
    for name, value in metadata.items():
        if len(texts) == MAX_LOOP_ITEMS:
            break
        if isinstance(value, bool):
            texts[clean(name)] = "true" if value else "false"
        elif isinstance(value, int | float | str):
            texts[clean(name)] = clean(str(value))
    return texts


def read_media(item: Mapping[str, object]) -> tuple[MediaHashes, ...]:
    """The hashes the sender gives for each of the item's media; None for what it does not give."""
    media = item.get("media")
    return tuple(
        MediaHashes(
            pdq=_read_hash(one.get("pdq")),
            sha256=_read_hash(one.get("sha256")),
            is_image=one.get("type") in {None, "image"},
        )
        for one in map(read_object, media[:MAX_MEDIA] if isinstance(media, list) else ())
    )


def read_object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def read_text(value: object) -> str | None:
    return clean(value) if isinstance(value, str) else None


def clean(text: str) -> str:
    return text if text.isascii() else _SURROGATE.sub("\ufffd", text)


def read_language(value: object) -> str:
    """The primary subtag of a BCP 47 tag in lower case: `fr-CA` → `fr`."""
    match = _LANGUAGE.match(value) if isinstance(value, str) else None
    return match[0].lower() if match else UNDETERMINED


_SURROGATE = re.compile("[\ud800-\udfff]")
_HASH = re.compile("[0-9a-fA-F]{64}")
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}(?=$|[-_])")


def _read_hash(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and _HASH.fullmatch(value) else None


def _read_instant(value: object) -> datetime | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    return instant if isinstance(instant, datetime) and instant.tzinfo is not None else None
