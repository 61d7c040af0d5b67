"""`veilleur erasures repeat [--from FOLDER]`: after a restore, do again what had been erased since the backup.

Before an erasure begins, workers write a line of it into the journal (VEILLEUR_JOURNAL_DIR), which is kept beside the
backups and not in them. This asks for those that the database does not know any more; workers carry them out. Run it
before they start, with the settings of the API; it may be run again at any time. Ends with 1 when a line could not be
used, and says which.
"""

import argparse
import asyncio
import sys
from collections import Counter
from pathlib import Path

from veilleur.commands.agencies import MasterSettings, open_database
from veilleur.domain.custody.journal import Entry, read_entries
from veilleur.domain.custody.repeat_erasure import repeat_erasure
from veilleur.infra.db.session import Database, Scope
from veilleur.infra.journal import read_lines
from veilleur.infra.security.sealing import SealBroken, Sealer
from veilleur.infra.settings import read_settings
from veilleur.kernel.errors import Problem
from veilleur.kernel.ids import show_id


def run(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="veilleur erasures", description=__doc__)
    repeat = parser.add_subparsers(dest="command", required=True).add_parser("repeat")
    repeat.add_argument("--from", dest="folder", type=Path, help="the journal's folder (VEILLEUR_JOURNAL_DIR)")
    given = parser.parse_args(arguments)
    settings = read_settings(MasterSettings)
    folder = given.folder or settings.journal_dir
    if folder is None:
        parser.error("name the journal's folder with --from or in VEILLEUR_JOURNAL_DIR")
    try:
        lines = list(read_lines(folder))
    except OSError as error:
        parser.error(f"the journal can't be read: {error}")
    return asyncio.run(_repeat(settings, lines))


async def repeat_all(database: Database, masters: Sealer, lines: list[str]) -> Counter[str]:
    """How many were `repeated`, `known`, and of no use: `torn` or `refused`; the latter are named."""
    journal = read_entries(lines)
    done = Counter(torn=journal.torn)
    for entry in journal.entries:
        try:
            async with database.transaction(Scope(entry.agency_id)) as session:
                repeated = await repeat_erasure(session, masters, entry)
        except (SealBroken, Problem) as error:
            done["refused"] += 1
            sys.stderr.write(f"{_name(entry)}: {error}\n")
        else:
            done["repeated" if repeated else "known"] += 1
    return done


async def _repeat(settings: MasterSettings, lines: list[str]) -> int:
    async with open_database(settings) as database:
        done = await repeat_all(database, Sealer.from_master_key(*settings.master_keys), lines)
    sys.stdout.write(f"asked for again: {done['repeated']}, known here: {done['known']}\n")
    if done["torn"]:
        sys.stderr.write(f"lines that are no entries: {done['torn']}\n")
    return 1 if done["torn"] or done["refused"] else 0


def _name(entry: Entry) -> str:
    agency = show_id("agc", entry.agency_id)
    return agency if entry.kind == "agency" else f"{agency} {show_id('ers', entry.erasure_id)}"
