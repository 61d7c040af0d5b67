"""The database server: its schema, what it promises, how full it is, its clock, and the keys it keeps."""

from datetime import datetime, timedelta

from sqlalchemy import text

from veilleur.domain.tenancy.issuer import opens_keys
from veilleur.infra.db.schema import SchemaFit, judge_schema, newest_revision, read_schema
from veilleur.infra.db.session import NOBODY, Database
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.settings import Settings
from veilleur.kernel.clock import now
from veilleur.kernel.messages import msg
from veilleur.operations.finding import Finding, Level

MOST_SKEW = (timedelta(seconds=2), timedelta(seconds=60))
"""From the first on signatures near their tolerance fail; from the second on most do."""
FULL = 0.8

_SAFE = text("SELECT current_setting('synchronous_commit') AS commit, current_setting('fsync') AS fsync,"
             " current_setting('full_page_writes') AS pages")  # fmt: skip
_LIMITS = text("""
SELECT current_setting('max_connections')::int AS most, (SELECT count(*) FROM pg_stat_activity) AS used,
  current_setting('lock_timeout') AS lock, current_setting('statement_timeout') AS statement,
  pg_size_pretty(pg_database_size(current_database())) AS size
""")
_CLOCK = text("SELECT clock_timestamp() AS clock, extract(epoch FROM app_now() - now())::float AS offset_s")


async def check_schema(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        revision, serves_from = await read_schema(session)
    known, has = newest_revision(), revision or "-"
    match judge_schema(revision, serves_from, known):
        case SchemaFit.OLDER:
            told = msg("The schema is at {has}, this code needs {known}", has=has, known=known)
            mend = msg("Run `veilleur migrate` as veilleur_owner, then start the processes again")
            return [Finding(Level.FAULT, "schema", told, mend)]
        case SchemaFit.NEWER:
            told = msg("The schema is at {has} and no longer serves this code ({known})", has=has, known=known)
            return [Finding(Level.FAULT, "schema", told, msg("Install the release that migrated it"))]
        case SchemaFit.FITS:
            return [Finding(Level.WELL, "schema", msg("The schema is at {has}", has=has))]


async def check_durability(settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        row = (await session.execute(_SAFE)).one()
    if row.commit in ("off", "local"):
        told = msg("The server confirms commits before they are on disk (synchronous_commit)")
        return [
            Finding(Level.FAULT, "database", told, msg("Turn it on: an accepted item must survive a loss of power"))
        ]
    if "off" in (row.fsync, row.pages):
        told = msg("A loss of power may damage the whole database (fsync or full_page_writes is off)")
        level = Level.NOTE if settings.environment == "dev" else Level.FAULT
        return [Finding(level, "database", told, msg("Turn both on, unless nothing in it matters"))]
    return [Finding(Level.WELL, "database", msg("A commit is on disk before it is confirmed"))]


async def check_limits(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        row = (await session.execute(_LIMITS)).one()
    findings = [Finding(Level.WELL, "database", msg("The database takes {size}", size=row.size))]
    if row.used > FULL * row.most:
        told = msg("{used} of {most} connections are taken", used=row.used, most=row.most)
        mend = msg("Raise max_connections, or lower VEILLEUR_POOL_SIZE times the number of processes")
        findings.append(Finding(Level.WARNING, "database", told, mend))
    if "0" in (row.lock, row.statement):
        told = msg("This role's statements may wait or run without end")
        mend = msg("Run deploy/roles.sql again: it sets lock_timeout and statement_timeout of the roles")
        findings.append(Finding(Level.WARNING, "roles", told, mend))
    return findings


async def check_clock(_settings: Settings, database: Database) -> list[Finding]:
    async with database.transaction(NOBODY) as session:
        before = now()
        row = (await session.execute(_CLOCK)).one()
        after = now()
    findings = [judge_clock(row.clock, before, after)]
    if row.offset_s:
        told = msg("The database's app_now() is {seconds} s off its own clock", seconds=round(row.offset_s))
        mend = msg("A test moved it: CREATE OR REPLACE FUNCTION app_now() … AS 'SELECT now()'")
        findings.append(Finding(Level.FAULT, "clock", told, mend))
    return findings


def judge_clock(database: datetime, before: datetime, after: datetime) -> Finding:
    """How far this machine's clock is from the database's, which was read between `before` and `after`."""
    skew = max(before - database, database - after, timedelta(0))
    if skew < MOST_SKEW[0]:
        return Finding(Level.WELL, "clock", msg("This machine's clock agrees with the database's"))
    told = msg("This machine's clock is {seconds} s off the database's", seconds=round(skew.total_seconds(), 1))
    level = Level.WARNING if skew < MOST_SKEW[1] else Level.FAULT
    return Finding(level, "clock", told, msg("Run a time service (chrony, systemd-timesyncd) on both machines"))


async def check_keys(settings: Settings, database: Database) -> list[Finding]:
    sealer = Sealer.from_master_key(*settings.master_keys)
    async with database.transaction(NOBODY) as session:
        exists = await session.scalar(text("SELECT EXISTS (SELECT FROM issuer_keys)"))
        opens = await opens_keys(session, sealer)
    if opens:
        return [Finding(Level.WELL, "keys", msg("The master key opens what is sealed"))]
    if not exists:
        return [Finding(Level.NOTE, "keys", msg("No key to sign tokens yet: the first API process makes it"))]
    told = msg("The master key does not open the keys in the database")
    mend = msg("Give VEILLEUR_MASTER_KEY the one this database was used with; without it sealed secrets are lost")
    return [Finding(Level.FAULT, "keys", told, mend)]
