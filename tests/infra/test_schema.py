"""Which code lives with which schema, and how a migration behaves among others."""

import asyncio

import asyncpg
import pytest
from alembic import command
from sqlalchemy.exc import DBAPIError

from tests.architecture.test_migrations import on_connection, scratch  # noqa: F401 - a fixture
from veilleur.infra.db import migrate
from veilleur.infra.db.migrate import NewerDatabaseError, alembic_config, migrate_to_head, retry_on_locks
from veilleur.infra.db.schema import (
    SERVES_FROM,
    SchemaFit,
    UnfitSchemaError,
    judge_schema,
    newest_revision,
    read_schema,
    refuse_unfit_schema,
)
from veilleur.infra.db.session import NOBODY, Database
from veilleur.infra.doorbell import SilentBell


@pytest.mark.parametrize(
    ("revision", "serves_from", "fit"),
    [
        (None, None, SchemaFit.OLDER),
        ("0041", "0040", SchemaFit.OLDER),
        ("0042", "0041", SchemaFit.FITS),
        ("0042", None, SchemaFit.FITS),
        ("0044", "0042", SchemaFit.FITS),
        ("0044", "0043", SchemaFit.NEWER),
        ("0044", None, SchemaFit.NEWER),
    ],
)
def test_code_lives_with_its_own_schema_and_with_newer_ones_that_serve_it(revision, serves_from, fit):
    assert judge_schema(revision, serves_from, "0042") is fit


def test_this_release_serves_its_own_code():
    assert judge_schema(newest_revision(), SERVES_FROM, newest_revision()) is SchemaFit.FITS
    assert newest_revision() >= SERVES_FROM


async def execute(url, *statements):
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


async def refusal_of(url):
    database = Database(url, bell=SilentBell())
    try:
        async with database.transaction(NOBODY) as session:
            assert len(await read_schema(session)) == 2
        await refuse_unfit_schema(database)
    except UnfitSchemaError as error:
        return str(error)
    finally:
        await database.close()


async def test_a_process_starts_only_on_a_schema_it_can_live_with(scratch):  # noqa: F811
    """Code of the release before runs on the next schema, as long as that one says so."""
    assert "run `veilleur migrate`" in await refusal_of(scratch)
    await asyncio.to_thread(migrate_to_head, scratch)
    assert await refusal_of(scratch) is None
    await execute(scratch, "UPDATE alembic_version SET version_num = '0001'")
    assert "run `veilleur migrate`" in await refusal_of(scratch)
    expand = "ALTER TABLE items ADD COLUMN of_the_next_release text"
    await execute(scratch, expand, "UPDATE alembic_version SET version_num = '9998'")
    assert await refusal_of(scratch) is None
    await execute(scratch, "COMMENT ON TABLE alembic_version IS 'serves code from 9998'")
    assert "start newer code" in await refusal_of(scratch)


async def test_older_code_does_not_touch_a_newer_database(scratch):  # noqa: F811
    await asyncio.to_thread(migrate_to_head, scratch)
    await execute(scratch, "UPDATE alembic_version SET version_num = '9998'")
    with pytest.raises(NewerDatabaseError, match="9998"):
        await asyncio.to_thread(migrate_to_head, scratch)


async def test_a_migration_steps_aside_for_who_holds_a_lock_and_gets_there_later(scratch, monkeypatch):  # noqa: F811
    """The queue behind its lock would be everybody."""
    monkeypatch.setattr(migrate, "LOCK_TIMEOUT_MS", 50)
    monkeypatch.setattr(migrate, "PAUSE_S", (0.05, 0.05))
    await asyncio.to_thread(migrate_to_head, scratch)
    step_down = lambda connection: command.downgrade(alembic_config(connection), "-1")  # noqa: E731 - one step
    await asyncio.to_thread(on_connection, scratch, step_down)
    holder = await asyncpg.connect(scratch)
    await holder.execute(
        "BEGIN; LOCK TABLE alembic_version IN ACCESS SHARE MODE; LOCK TABLE alembic_version IN SHARE MODE"
    )
    waits = []
    monkeypatch.setattr(migrate._log, "warning", lambda *_, **told: waits.append(told["tries"]))
    migrating = asyncio.create_task(asyncio.to_thread(migrate_to_head, scratch))
    async with asyncio.timeout(20):
        while len(waits) < 2:  # noqa: ASYNC110 - it is another thread
            await asyncio.sleep(0.02)
    await holder.close()
    await asyncio.wait_for(migrating, 20)
    assert await refusal_of(scratch) is None


async def test_a_lock_that_is_never_free_ends_the_tries(monkeypatch):
    monkeypatch.setattr(migrate, "PAUSE_S", (0.0, 0.0))
    tries = []

    class LockedError(Exception):
        sqlstate = "55P03"

    async def step():
        tries.append(1)
        raise DBAPIError("", None, LockedError())

    with pytest.raises(DBAPIError):
        await retry_on_locks(step, tries=3)
    assert len(tries) == 3
