"""How an item looks to clients and moderators."""

from typing import Any

from veilleur.domain.intake.models import Item
from veilleur.kernel.ids import show_id


def item_reference(item: Item) -> dict[str, Any]:
    """The item as callbacks name it: enough to find and act on it, without its content."""
    return {
        "id": show_id("itm", item.id),
        "external_id": item.external_id,
        "revision": item.revision,
        "source_id": show_id("src", item.source_id),
        "kind": item.kind,
        "author": item.body.get("author"),
        "context": item.body.get("context"),
        "url": item.body.get("url"),
        "metadata": item.body.get("metadata"),
    }


def item_content(item: Item, *, restricted: bool = False) -> dict[str, Any]:
    """The whole item, for those who judge it. Under a legal hold its media are there in restricted queues only."""
    shown = item.hold_class is None or restricted
    return item_reference(item) | {
        "text": item.body.get("text"),
        "language": item.language,
        "created_at": item.body.get("created_at"),
        "media": item.body.get("media") if shown else [],
        "quarantined": item.hold_class,
        "received_at": item.received_at,
    }
