"""Ready-made rule sets to copy: licensed, credited, and measured on the shipped samples. See `packs/NOTICE.md`."""

import json
from functools import cache
from importlib.resources import files
from typing import Any

from veilleur.kernel.errors import NotFound
from veilleur.kernel.messages import Language, msg

_FOLDER = files("veilleur.domain.onboarding") / "packs"


def list_packs(language: Language) -> list[dict[str, Any]]:
    """What there is, without the documents."""
    return [_describe(pack, language) for pack in _load_packs().values()]


def find_pack(code: str, language: Language) -> dict[str, Any]:
    """One pack with its `rule_set`, an ordinary document that can be saved as it is."""
    pack = _load_packs().get(code)
    if pack is None:
        raise NotFound(msg("There is no pack {code}", code=code[:64]))
    return _describe(pack, language) | {"rule_set": pack["rule_set"]}


@cache
def _load_packs() -> dict[str, dict[str, Any]]:
    loaded = [json.loads(file.read_text(encoding="utf-8")) for file in _FOLDER.iterdir() if file.name.endswith(".json")]
    for pack in loaded:
        for name, source in pack.pop("entries_from", {}).items():
            # A list under a licence of its own stays a file of its own.
            pack["rule_set"]["lists"][name]["entries"] = (_FOLDER / source).read_text(encoding="utf-8").split()
    return {pack["code"]: pack for pack in sorted(loaded, key=lambda pack: str(pack["code"]))}


def _describe(pack: dict[str, Any], language: Language) -> dict[str, Any]:
    """`language` is that of the texts it is for, `und` any; `measured`: how its hits agree with a sample's label."""
    return {
        "code": pack["code"],
        "language": pack["language"],
        "title": pack["title"][language],
        "description": pack["description"][language],
        "licence": pack["licence"],
        "credit": pack["credit"],
        "measured": pack["measured"],
    }
