"""The journal: lines that must outlive the database, in files of a folder beside its backups, one a day.

A line is on disk before what it tells of is done. Several processes may write: a line is one write at the file's end.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from veilleur.kernel.clock import now

PREFIX, SUFFIX = "erasures-", ".jsonl"
STAMP = "%Y%m%d"


class Journal:
    """That of one process; without a folder nothing is written."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._written: set[object] = set()

    def wants(self, key: object) -> bool:
        """Whether what this key names is still to be written, by this process."""
        return self._folder is not None and key not in self._written

    async def append(self, key: object, line: str) -> None:
        """On disk when it returns; `OSError` when it can't be."""
        if self._folder is not None:
            await asyncio.to_thread(_append, self._folder / f"{PREFIX}{now():{STAMP}}{SUFFIX}", line)
            self._written.add(key)


def read_lines(folder: Path) -> Iterator[str]:
    """Every line, the oldest first. `OSError` when the folder can't be read."""
    for file in _list_files(folder):
        yield from filter(None, (line.strip() for line in file.read_text(encoding="utf-8").splitlines()))


def drop_old_files(folder: Path, before: date) -> int:
    """Delete the files of the days before; how many went."""
    old = [file for file in _list_files(folder) if (day := _read_day(file)) is not None and day < before]
    for file in old:
        file.unlink()
    return len(old)


def _list_files(folder: Path) -> Sequence[Path]:
    return sorted(file for file in folder.iterdir() if file.name.startswith(PREFIX) and file.name.endswith(SUFFIX))


def _read_day(file: Path) -> date | None:
    try:
        stamp = file.name.removeprefix(PREFIX).removesuffix(SUFFIX)
        return datetime.strptime(stamp, STAMP).replace(tzinfo=UTC).date()
    except ValueError:
        return None


def _append(file: Path, line: str) -> None:
    """It begins a line of its own, even after one that a crash has torn off."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, f"\n{line}\n".encode())
        os.fsync(handle)
    finally:
        os.close(handle)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
