"""What changed between two rule sets, by what staff calls things rather than by lines; pure."""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import Any

MAX_ENTRIES = 100
"""Entries shown of a list that changed; the counts are whole."""

_NAMED = ("lists", "patterns", "counters", "params")
_APART = frozenset({"rules", *_NAMED})


def diff_rule_sets(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """By section `{"added": [{"id", "after"}], "removed": [{"id", "before"}], "changed": [{"id", …}]}`.

    A changed rule names its changed `fields` with before and after; a changed list its entries added and removed;
    `rules.moved` tells rules whose order changed among those that stayed (equal severity: the earlier one decides);
    `other` is everything else at the top (`fallback`, `title`, …).
    """
    shown: dict[str, Any] = {"rules": _diff_rules(_rules(before), _rules(after))}
    for section in _NAMED:
        shown[section] = _diff_named(_object(before.get(section)), _object(after.get(section)))
    shown["other"] = _diff_fields(before, after, leave_out=_APART)
    shown["same"] = dict(before) == dict(after)
    return shown


def _diff_rules(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    stayed_before = [name for name in before if name in after]
    stayed_after = [name for name in after if name in before]
    kept = SequenceMatcher(None, stayed_before, stayed_after, autojunk=False).get_matching_blocks()
    in_place = {name for block in kept for name in stayed_after[block.b : block.b + block.size]}
    moved = [name for name in stayed_after if name not in in_place]
    return {**_diff_named(before, after), "moved": moved}


def _diff_named(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "added": [{"id": name, "after": value} for name, value in after.items() if name not in before],
        "removed": [{"id": name, "before": value} for name, value in before.items() if name not in after],
        "changed": [
            {"id": name, **_diff_values(before[name], value)}
            for name, value in after.items()
            if name in before and not _is_same(before[name], value)
        ],
    }


def _diff_values(before: object, after: object) -> dict[str, Any]:
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return {"before": before, "after": after}
    shown: dict[str, Any] = {"fields": _diff_fields(before, after, leave_out={"entries"})}
    if not _is_same(before.get("entries"), after.get("entries")):
        shown["entries"] = _diff_entries(before.get("entries") or [], after.get("entries") or [])
    return shown


def _diff_fields(
    before: Mapping[str, Any], after: Mapping[str, Any], *, leave_out: frozenset[str] | set[str]
) -> list[dict[str, Any]]:
    """`[{"field", "before", "after"}]`; a field that is not there is null."""
    names = dict.fromkeys([*before, *after])
    return [
        {"field": name, "before": before.get(name), "after": after.get(name)}
        for name in names
        if name not in leave_out and not _is_same(before.get(name), after.get(name))
    ]


def _diff_entries(before: Sequence[Any], after: Sequence[Any]) -> dict[str, Any]:
    old, new = {repr(entry): entry for entry in before}, {repr(entry): entry for entry in after}
    added = [entry for key, entry in new.items() if key not in old]
    removed = [entry for key, entry in old.items() if key not in new]
    return {
        "added": added[:MAX_ENTRIES],
        "removed": removed[:MAX_ENTRIES],
        "added_count": len(added),
        "removed_count": len(removed),
    }


def _is_same(before: object, after: object) -> bool:
    """`1`, `1.0` and `true` are three values: conditions are typed."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        return before.keys() == after.keys() and all(_is_same(before[name], after[name]) for name in before)
    if isinstance(before, list) and isinstance(after, list):
        return len(before) == len(after) and all(map(_is_same, before, after))
    return type(before) is type(after) and before == after


def _rules(document: Mapping[str, Any]) -> dict[str, Any]:
    return {rule["id"]: rule for rule in document.get("rules") or []}


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
