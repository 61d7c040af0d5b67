"""What two configurations differ in, section by section; pure. No difference is an empty object."""

from collections.abc import Mapping, Sequence
from typing import Any

Json = Any


def diff_sections(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """By section name; a section that stays as it is does not appear."""
    changed = {name: _diff(before.get(name), after[name]) for name in after}
    return {name: change for name, change in changed.items() if change}


def _diff(before: Json, after: Json) -> dict[str, Json]:
    if before == after:
        return {}
    if isinstance(before, list) and isinstance(after, list):
        return _diff_entries(before, after, "code")
    if not isinstance(before, dict) or not isinstance(after, dict):
        return {"before": before, "after": after}
    if "rules" in before and "format" in before:
        return _diff_rule_sets(before, after)
    return _diff_fields(before, after)


def _diff_fields(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: {"before": before.get(name), "after": after.get(name)} for name in names}


def _diff_entries(before: Sequence[Json], after: Sequence[Json], key: str) -> dict[str, Json]:
    """Entries are told apart by their `key`, not by their place."""
    old, new = ({entry[key]: entry for entry in entries} for entries in (before, after))
    changed = [
        {key: name, "fields": _diff_fields(old[name], new[name])}
        for name in new
        if name in old and old[name] != new[name]
    ]
    change = {
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": changed,
    }
    if not any(change.values()):
        return {"order": list(new)}
    return {name: value for name, value in change.items() if value}


def _diff_rule_sets(before: Mapping[str, Json], after: Mapping[str, Json]) -> dict[str, Json]:
    """Rules one by one, of everything else (lists may be long) only the names."""
    others = [name for name in {**before, **after} if name != "rules" and before.get(name) != after.get(name)]
    rules = _diff_entries(before["rules"], after["rules"], "id") if before["rules"] != after["rules"] else {}
    return ({"rules": rules} if rules else {}) | ({"other": others} if others else {})
