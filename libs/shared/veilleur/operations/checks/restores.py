"""Was this database restored: what it lost by that, and what came back that had been erased."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from veilleur.domain.custody.journal import Entries, read_entries
from veilleur.domain.custody.repeat_erasure import is_missing
from veilleur.infra.db.session import NOBODY, Database, Scope
from veilleur.infra.journal import read_lines
from veilleur.infra.settings import Settings
from veilleur.infra.watermark import Witness, is_lost, list_lost_windows, load_mark
from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.messages import msg
from veilleur.operations.finding import Finding, Level

Window = tuple[datetime, datetime]


async def check_mark(settings: Settings, database: Database) -> list[Finding]:
    """Against what others remember; once a worker runs, by what it wrote down when it noticed."""
    async with database.transaction(NOBODY) as session:
        mark = await load_mark(session)
        windows = [(one.from_at, one.until_at) for one in await list_lost_windows(session)]
    if mark is None:
        return []
    witness = Witness(settings.redis_url.get_secret_value(), settings.journal_dir)
    try:
        return judge_mark(mark.reached_at, await witness.ask(mark.name), windows)
    finally:
        await witness.close()


def judge_mark(reached_at: datetime, witnessed: datetime | None, windows: Sequence[Window]) -> list[Finding]:
    """`windows` are those that workers have noticed within the last month."""
    findings = [_tell_lost(Level.WARNING, *window) for window in windows]
    if witnessed is None:
        told = msg("Whether this database was restored is not known: neither Redis nor a journal remembers")
        return [*findings, Finding(Level.NOTE, "restore", told)]
    if is_lost(reached_at, witnessed):
        return [*findings, _tell_lost(Level.FAULT, reached_at, witnessed)]
    return findings or [Finding(Level.WELL, "restore", msg("Nothing outside remembers more than the database knows"))]


async def check_erasures(settings: Settings, database: Database) -> list[Finding]:
    """Whether every erasure of the journal is known here."""
    if settings.journal_dir is None:
        told = msg("No journal of erasures is kept: a restored backup would bring back what was erased since")
        mend = msg("Name a folder beside the backups in VEILLEUR_JOURNAL_DIR, for the workers and for the doctor")
        return [Finding(Level.NOTE, "erasures", told, mend)]
    try:
        journal = read_entries(read_lines(settings.journal_dir))
    except OSError as error:
        told = msg("The journal of erasures can't be read ({kind})", kind=type(error).__name__)
        mend = msg("Without it workers begin no erasure: see to the folder that VEILLEUR_JOURNAL_DIR names")
        return [Finding(Level.WARNING, "erasures", told, mend)]
    return judge_journal(journal, await _count_missing(database, journal))


def judge_journal(journal: Entries, missing: int) -> list[Finding]:
    findings = []
    if missing:
        told = msg("{count} erasures came undone when this database was restored", count=missing)
        mend = msg("Run `veilleur erasures repeat` before the workers start")
        findings.append(Finding(Level.FAULT, "erasures", told, mend))
    if journal.torn:
        told = msg("{count} lines of the journal of erasures can't be read", count=journal.torn)
        findings.append(Finding(Level.WARNING, "erasures", told, msg("A crash tears a line at most: look at the rest")))
    return findings or [Finding(Level.WELL, "erasures", msg("Every erasure of the journal is known here"))]


async def _count_missing(database: Database, journal: Entries) -> int:
    agencies: dict[UUID, int] = {}
    for agency_id in {entry.agency_id for entry in journal.entries}:
        async with database.transaction(Scope(agency_id)) as session:
            of_it = [entry for entry in journal.entries if entry.agency_id == agency_id]
            agencies[agency_id] = sum([await is_missing(session, entry) for entry in of_it])
    return sum(agencies.values())


def _tell_lost(level: Level, since: datetime, until: datetime) -> Finding:
    told = msg(
        "This database was restored: of what came between {since} and {until} it knows nothing",
        since=to_rfc3339(since), until=to_rfc3339(until),
    )  # fmt: skip
    mend = msg("Have clients send again what was accepted then; the runbook has the steps")
    return Finding(level, "restore", told, mend)
