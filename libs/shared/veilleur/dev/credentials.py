"""`credentials.json`: how to reach everything that runs, kept true by the supervisor's news."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from veilleur.dev.context import DevContext
from veilleur.dev.state import write_private


class CredentialsFile:
    """Written whole as soon as the agency is known, and again whenever a process comes or goes."""

    def __init__(self, state: Path) -> None:
        self._file = state / "credentials.json"
        self._pids_file = state / "pids.json"
        self._addresses: dict[str, object] = {}
        self._pids: Mapping[str, int] = {}

    def last_pids(self) -> dict[str, int]:
        """By name, those of the run before this one: empty when it stopped in order."""
        return _read(self._pids_file)

    def withdraw_pids(self) -> None:
        """A killed run left its own in the file; its tokens and secrets may still be good."""
        left = _read(self._file)
        if left:
            write_private(self._file, {**left, "pids": shape_pids({}, supervisor=None)})

    def describe(self, context: DevContext, database_url: str, agency: Mapping[str, object]) -> None:
        """Where things are, then the agency's own part: `agency_id`, `owner`, `moderators`, `clients`."""
        self._addresses = {
            "base_url": context.base_url,
            "admin_url": context.admin_url,
            "operator_key": context.operator_key,
            "database_url": database_url,
            "redis_url": context.redis_url,
            "pids": None,
            **agency,
        }
        self._write()

    def follow(self, pids: Mapping[str, int]) -> None:
        """The processes that live now, by name; none at the very end."""
        self._pids = dict(pids)
        write_private(self._pids_file, self._pids)
        self._write()

    def _write(self) -> None:
        if self._addresses:
            pids = shape_pids(self._pids, supervisor=os.getpid() if self._pids else None)
            write_private(self._file, {**self._addresses, "pids": pids})


def shape_pids(pids: Mapping[str, int], *, supervisor: int | None) -> dict[str, int | list[int] | None]:
    """As the file shows them: services may have several processes, an engine has one, a real server's is not known."""
    return {
        "supervisor": supervisor,
        "api": [pids["api"]] if "api" in pids else [],
        "worker": [pids["worker"]] if "worker" in pids else [],
        "postgres": pids.get("postgres"),
        "valkey": pids.get("valkey"),
    }


def _read(file: Path) -> dict[str, int]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
