"""What a command that is typed by hand is told: by the environment, or where that says nothing at all, by the
development installation in this folder (`veilleur dev`, VEILLEUR_DEV_STATE).

One variable of ours is enough to mean another installation: the two are never mixed.
"""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic_settings import BaseSettings

from veilleur.dev.demo_credentials import find_state_folder
from veilleur.dev.roles import APP, role_url
from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.settings import read_settings

S = TypeVar("S", bound=BaseSettings)


def read_command_settings(kind: type[S], *, administrator: bool = False) -> S:
    """`administrator`: reach the database of a development installation as the one who sees everything."""
    state = find_state_folder(os.environ)
    if _is_told(os.environ) or not (state / "credentials.json").exists():
        return read_settings(kind)
    given = read_installation(state, administrator=administrator)
    sys.stderr.write(f"Nothing of VEILLEUR_… is set: this is the development installation in {state.absolute()}.\n")
    return read_settings(kind, given)


def read_installation(state: Path, *, administrator: bool) -> dict[str, str]:
    """By the names of the settings; `CannotStart` when the files there can't be read."""
    try:
        addresses, secrets = (_read(state / name) for name in ("credentials.json", "secrets.json"))
        database_url = str(addresses["database_url"])
        return {
            "environment": "dev",
            "database_url": database_url if administrator else role_url(database_url, APP, secrets["roles"]["app"]),
            "redis_url": str(addresses["redis_url"]),
            "master_key": str(secrets["master_key"]),
            "operator_key": str(addresses["operator_key"]),
            "base_url": str(addresses["base_url"]),
            **({"backup_dir": str(state / "backups")} if administrator else {}),
        }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise CannotStart(f"The development installation in {state} can't be read ({error!r}).") from error


def _is_told(environment: Mapping[str, str]) -> bool:
    return any(name.startswith("VEILLEUR_") and not name.startswith("VEILLEUR_DEV_") for name in environment)


def _read(file: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content
