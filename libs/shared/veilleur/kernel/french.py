"""The French text of every message, under its English template: `locale/fr/<area>.json`, one file an area."""

import json
from importlib.resources import files


def _load() -> dict[str, str]:
    catalogue: dict[str, str] = {}
    for file in sorted((files(__package__) / "locale" / "fr").iterdir(), key=lambda entry: entry.name):
        if file.name.endswith(".json"):
            catalogue |= json.loads(file.read_text(encoding="utf-8"))
    return catalogue


FRENCH = _load()
