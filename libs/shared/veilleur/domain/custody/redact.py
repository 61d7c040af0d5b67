"""What is left of texts that were written down elsewhere when an author's part in them is erased; pure."""

import json
from collections.abc import Collection, Mapping
from typing import Any

_OF_ITEM = ("id", "revision", "source_id", "kind")
_OF_DECISION = (
    "id", "verdict", "policies", "automated", "automated_detection", "rule_set_version", "matched_rules", "made_at",
)  # fmt: skip
_OF_DATA = ("reverses", "cause", "interim", "class", "sequence", "metric", "due_at", "threshold", "case")


def redact_event(body: str) -> str:
    """An event about an erased item: what happened to it and when, and nothing that it said."""
    event = json.loads(body)
    data: Mapping[str, Any] = event["data"]
    left: dict[str, Any] = {name: data[name] for name in _OF_DATA if name in data}
    if isinstance(data.get("item"), dict):
        left["item"] = {name: data["item"][name] for name in _OF_ITEM if name in data["item"]}
    if isinstance(data.get("decision"), dict):
        actions = [{"code": one["code"], "target": one["target"]} for one in data["decision"].get("actions") or []]
        left["decision"] = {name: data["decision"].get(name) for name in _OF_DECISION} | {"actions": actions}
    return _write({"type": event["type"], "timestamp": event["timestamp"], "data": left | {"erased": True}})


def redact_parent(body: str, author: str, items: Collection[str]) -> str:
    """An event about somebody else's item that answers one of the author: without what it answers."""
    event = json.loads(body)
    context = (event["data"].get("item") or {}).get("context")
    if not isinstance(context, dict) or not is_answer_to(context.get("parent"), author, items):
        return body
    del context["parent"]
    return _write(event)


def is_answer_to(parent: object, author: str, items: Collection[str]) -> bool:
    """Whether the `parent` of a context is the author's, by its author or by its own id."""
    if not isinstance(parent, dict):
        return False
    wrote = parent.get("author")
    return parent.get("external_id") in items or (isinstance(wrote, dict) and wrote.get("external_id") == author)


def _write(event: Mapping[str, Any]) -> str:
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))
