"""`veilleur backup`: the whole database as one file, while everything goes on.

pg_dump reads one consistent snapshot under the role `veilleur_backup`, which passes row-level security and can't write
(under any other role of ours pg_dump refuses: it would see nothing). A file is whole or not there: it is written beside
its place, read back by pg_restore, flushed and renamed. Valkey needs no backup. The master key is in no backup: keep it
elsewhere, without it the sealed secrets of a restored database stay sealed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from veilleur.dev.binaries import find_postgres
from veilleur.dev.installation import read_command_settings
from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.journal import drop_old_files
from veilleur.infra.settings import DatabaseSettings
from veilleur.kernel.clock import now

PREFIX, SUFFIX = "veilleur-", ".dump"
STAMP = "%Y%m%dT%H%M%SZ"
LOCK_WAIT_MS = 30_000
SPARE = timedelta(days=1)
"""Clocks differ, and a backup is stamped when it is done."""


class BackupError(Exception):
    """No backup was made; the text says why."""


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="veilleur backup", description=__doc__)
    parser.add_argument("--to", type=Path, help="the folder of the backups (VEILLEUR_BACKUP_DIR)")
    parser.add_argument("--keep", type=int, default=14, help="how many to keep, 0 for all (14)")
    options = parser.parse_args(arguments)
    settings = read_command_settings(DatabaseSettings, administrator=True)
    folder = options.to or settings.backup_dir
    if folder is None:
        parser.error("name a folder with --to or in VEILLEUR_BACKUP_DIR")
    try:
        made = make_backup(settings.database_url.get_secret_value(), folder)
    except (BackupError, CannotStart, OSError) as error:
        sys.stderr.write(f"No backup was made: {error}\n")
        return 1
    dropped = drop_old(folder, options.keep)
    if settings.journal_dir is not None:
        drop_old_entries(settings.journal_dir, folder, options.keep)
    sys.stdout.write(f"{made} ({made.stat().st_size:,} bytes), {dropped} older ones deleted\n")
    return 0


def make_backup(url: str, folder: Path) -> Path:
    """Dump the database at `url` (the role veilleur_backup's) into `folder`; the new file."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / f"{PREFIX}{now():{STAMP}}{SUFFIX}"
    unfinished = folder / f".{target.name}.{os.getpid()}"
    address, environment = _hide_password(url)
    try:
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        _call("pg_dump", "--format=custom", f"--lock-wait-timeout={LOCK_WAIT_MS}", f"--file={unfinished}",
              f"--dbname={address}", environment=environment)  # fmt: skip
        _call("pg_restore", "--list", str(unfinished), environment={})
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)
    return target


def list_backups(folder: Path) -> list[Path]:
    """The oldest first: their names sort by time."""
    return sorted(folder.glob(f"{PREFIX}*{SUFFIX}"))


def find_newest(folder: Path) -> datetime | None:
    """When the newest backup in the folder was made."""
    return max(_read_stamps(list_backups(folder)), default=None)


def drop_old(folder: Path, keep: int) -> int:
    """Delete all but the newest `keep`; how many went."""
    old = list_backups(folder)[:-keep] if keep > 0 else []
    for file in old:
        file.unlink()
    return len(old)


def drop_old_entries(journal: Path, folder: Path, keep: int) -> int:
    """Delete what the journal says of days before the oldest backup: no restore brings that back; how many files."""
    oldest = _read_stamps(list_backups(folder)) if keep > 0 and journal.is_dir() else []
    return drop_old_files(journal, min(oldest).date() - SPARE) if oldest else 0


def find_program(name: str) -> str:
    """pg_dump or pg_restore, the newest there is: one that is older than the server refuses to dump it."""
    found = [shutil.which(name)]
    with suppress(CannotStart):
        found.append(str(find_postgres(Path.cwd() / ".veilleur" / "binaries", None) / name))
    programs = [program for program in found if program is not None]
    if not programs:
        raise BackupError(f"there is no {name} here: install PostgreSQL's client programs, or veilleur[embedded]")
    return max(programs, key=_read_release)


def _read_stamps(files: Iterable[Path]) -> list[datetime]:
    times = []
    for file in files:
        with suppress(ValueError):
            stamp = file.name.removeprefix(PREFIX).removesuffix(SUFFIX)
            times.append(datetime.strptime(stamp, STAMP).replace(tzinfo=UTC))
    return times


def _read_release(program: str) -> int:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout  # noqa: S603
    release = re.search(r"\) (\d+)", shown)
    return int(release[1]) if release else 0


def _call(program: str, *arguments: str, environment: Mapping[str, str]) -> None:
    done = subprocess.run(  # noqa: S603 - a program of PostgreSQL, found on this machine
        [find_program(program), *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise BackupError(f"{program}: {said[0] if said else f'status {done.returncode}'}")


def _hide_password(url: str) -> tuple[str, dict[str, str]]:
    """Everybody on the machine can read a command line."""
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    name, _, password = user.partition(":")
    return urlunsplit(parts._replace(netloc=f"{name}@{host}")), {"PGPASSWORD": unquote(password)}
