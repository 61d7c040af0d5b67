"""`veilleur migrate`: bring the schema to the newest revision, under the role `veilleur_owner`.

Every revision is a transaction of its own and waits two seconds for a lock at most: a queue behind a long reader would
stop the service. It then steps aside and tries again a little later; revisions that are done stay done.
"""

import argparse
import asyncio
import random
from collections.abc import Awaitable, Callable
from importlib.resources import files

import structlog
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.db.faults import explain_silence
from veilleur.infra.db.schema import newest_revision, serving_statement
from veilleur.infra.settings import DatabaseSettings, read_settings

ADVISORY_LOCK = 0x7665696C6C657572  # "veilleur": two migrations never run at once
LOCK_TIMEOUT_MS = 2_000
TRIES = 12
PAUSE_S = (0.5, 10.0)
"""First and longest pause between two tries, before jitter."""

LOCK_NOT_AVAILABLE, INSUFFICIENT_PRIVILEGE = "55P03", "42501"

_log = structlog.get_logger(__name__)


class NewerDatabaseError(CannotStart):
    """The database was migrated by newer code than this."""


def run(arguments: list[str]) -> int:
    argparse.ArgumentParser(prog="veilleur migrate", description=__doc__).parse_args(arguments)
    settings = read_settings(DatabaseSettings)
    try:
        migrate_to_head(settings.database_url.get_secret_value())
    except (DBAPIError, OSError) as error:
        state = getattr(getattr(error, "orig", None), "sqlstate", None)
        if state == LOCK_NOT_AVAILABLE:
            message = "A lock stayed taken through every try. What was done stays; run it again later."
            raise CannotStart(message) from error
        if state == INSUFFICIENT_PRIVILEGE:
            message = "This role may not change the schema: VEILLEUR_DATABASE_URL has to name veilleur_owner."
            raise CannotStart(message) from error
        raise explain_silence(error) or error from error
    return 0


def migrate_to_head(owner_url: str) -> None:
    """Upgrade the database named by `owner_url` (a role that owns it); `NewerDatabaseError` when there is no way up."""
    asyncio.run(_migrate(owner_url))


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("veilleur.infra.db") / "migrations"))
    config.attributes["connection"] = connection
    return config


async def retry_on_locks(step: Callable[[], Awaitable[None]], *, tries: int = TRIES) -> None:
    """Do `step`, again with longer and jittered pauses while somebody else holds a lock it needs."""
    for number in range(tries):
        try:
            await step()
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE or number == tries - 1:
                raise
            pause = min(PAUSE_S[0] * 2**number, PAUSE_S[1]) * random.uniform(0.5, 1)  # noqa: S311 - jitter
            _log.warning("migration_waits", tries=number + 1, pause_s=round(pause, 2))
            await asyncio.sleep(pause)
        else:
            return


async def _migrate(owner_url: str) -> None:
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.connect() as guard, engine.connect() as connection:
            # Held by a session of its own: whatever the steps do to theirs, nobody else migrates meanwhile.
            await guard.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            await _refuse_newer(connection)
            await retry_on_locks(lambda: _upgrade(connection))
    finally:
        await engine.dispose()


async def _refuse_newer(connection: AsyncConnection) -> None:
    exists = await connection.scalar(text("SELECT to_regclass('public.alembic_version') IS NOT NULL"))
    revision = await connection.scalar(text("SELECT version_num FROM alembic_version")) if exists else None
    await connection.rollback()
    if revision is not None and revision > newest_revision():
        raise NewerDatabaseError(
            f"The database is at {revision}, this code knows {newest_revision()}: migrate with the newer release."
        )


async def _upgrade(connection: AsyncConnection) -> None:
    try:
        await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "head"))
        await connection.execute(text(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}"))
        await connection.execute(text(serving_statement()))
        await connection.commit()
    except DBAPIError:
        await connection.rollback()
        raise
