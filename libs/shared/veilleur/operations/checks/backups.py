"""Could all this be lost: the room left on disks that are ours, and the age of the last backup."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path

from veilleur.infra.db.session import Database
from veilleur.infra.settings import Settings
from veilleur.kernel.clock import now
from veilleur.kernel.messages import msg
from veilleur.operations.backup import find_newest
from veilleur.operations.finding import Finding, Level

EMBEDDED = Path(".veilleur")
ROOM = (0.15, 0.05)
"""Free shares of a disk: below the first a warning, below the second a fault."""
OLDEST = timedelta(hours=26)
"""A daily backup with two hours to spare."""


async def check_disk(settings: Settings, _database: Database) -> list[Finding]:
    """Disks that this machine can see: that of embedded servers, and that of the backups."""
    folders = [folder for folder in (EMBEDDED, settings.backup_dir) if folder is not None and folder.is_dir()]
    usages = [(folder, shutil.disk_usage(folder)) for folder in folders]
    return [judge_disk(str(folder), usage.free, usage.total) for folder, usage in usages]


def judge_disk(name: str, free: int, total: int) -> Finding:
    share = free / total
    told = msg("The disk of {name} has {percent} % free", name=name, percent=round(100 * share))
    if share >= ROOM[0]:
        return Finding(Level.WELL, "disk", told)
    mend = msg("Make room: a full disk refuses every item (503) until there is some")
    return Finding(Level.WARNING if share >= ROOM[1] else Level.FAULT, "disk", told, mend)


async def check_backups(settings: Settings, _database: Database) -> list[Finding]:
    if settings.backup_dir is None:
        told = msg("Whether there are backups is not known here")
        mend = msg("Run `veilleur backup` daily and name its folder in VEILLEUR_BACKUP_DIR, or rely on your provider's")
        return [Finding(Level.NOTE, "backup", told, mend)]
    return [judge_backup(find_newest(settings.backup_dir), now())]


def judge_backup(made_at: datetime | None, at: datetime) -> Finding:
    mend = msg("Run `veilleur backup` and see why the last one did not run")
    if made_at is None:
        return Finding(Level.FAULT, "backup", msg("There is no backup"), mend)
    hours = round((at - made_at).total_seconds() / 3600)
    told = msg("The newest backup is {hours} hours old", hours=hours)
    return (
        Finding(Level.WELL, "backup", told) if at - made_at <= OLDEST else Finding(Level.WARNING, "backup", told, mend)
    )
