"""The migrated schema is what the models say, and every step can be taken back."""

import asyncio
import os

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from tests.conftest import PASSWORD
from veilleur.dev.administration import run_statements
from veilleur.dev.roles import create_database, role_url
from veilleur.domain.tables import METADATA
from veilleur.infra.db.migrate import alembic_config, migrate_to_head

COLUMNS = """
SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
  AND c.relname <> 'alembic_version'
"""
CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid <> 0 AND contype <> 'n' AND conrelid::regclass::text <> 'alembic_version'
"""
INDEXES = "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
STORAGE = "SELECT relname, reloptions::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND reloptions IS NOT NULL"
WALLS = """
SELECT tablename, policyname, roles::text, cmd, qual, with_check FROM pg_policies WHERE schemaname = 'public'
UNION ALL SELECT relname, relacl::text, relrowsecurity::text, relforcerowsecurity::text, '', '' FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
UNION ALL SELECT proname, pg_get_functiondef(oid), proacl::text, '', '', '' FROM pg_proc WHERE pronamespace = 'public'::regnamespace
UNION ALL SELECT tgrelid::regclass::text, pg_get_triggerdef(oid), '', '', '', '' FROM pg_trigger WHERE NOT tgisinternal
"""
SHAPE = (COLUMNS, CONSTRAINTS, INDEXES, STORAGE)
APP_NOW = "CREATE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT now()'"


def owner_url(database):
    return role_url(os.environ["VEILLEUR_TEST_DATABASE_URL"], "veilleur_owner", PASSWORD, database)


@pytest.fixture
def scratch(worker_id):
    """The address of an empty database, for its owner."""
    admin_url, name = os.environ["VEILLEUR_TEST_DATABASE_URL"], f"veilleur_scratch_{worker_id}"
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    run_statements(admin_url, [drop])
    create_database(admin_url, name)
    yield owner_url(name)
    run_statements(admin_url, [drop])


def describe(url, queries):
    """What the catalogue of the database says, one set a query."""

    async def ask():
        connection = await asyncpg.connect(url)
        try:
            return [{tuple(row) for row in await connection.fetch(query)} for query in queries]
        finally:
            await connection.close()

    return asyncio.run(ask())


def on_connection(url, work):
    async def run():
        engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"))
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        finally:
            await engine.dispose()

    return asyncio.run(run())


def test_alembic_finds_no_difference_between_the_models_and_the_migrated_schema(database_name):
    def compare(connection):
        options = {
            "compare_type": True,
            "include_name": lambda name, kind, _: (kind, name) != ("table", "alembic_version"),
        }
        return compare_metadata(MigrationContext.configure(connection, opts=options), METADATA)

    assert on_connection(owner_url(database_name), compare) == []


def test_columns_constraints_indexes_and_defaults_are_those_the_models_would_make(database_name, scratch):
    """Everything alembic does not compare as well: checks, partial indexes, defaults, storage."""
    run_statements(scratch, [APP_NOW])
    on_connection(scratch, METADATA.create_all)
    for modelled, migrated in zip(describe(scratch, SHAPE), describe(owner_url(database_name), SHAPE), strict=True):
        assert modelled
        assert migrated - modelled == set()
        assert modelled - migrated == set()


def test_up_down_and_up_again_ends_where_the_first_way_up_did(scratch):
    migrate_to_head(scratch)
    first = describe(scratch, (*SHAPE, WALLS))
    on_connection(scratch, lambda connection: command.downgrade(alembic_config(connection), "base"))
    columns, constraints, indexes, storage, walls = describe(scratch, (*SHAPE, WALLS))
    assert columns | constraints | indexes | storage == set()
    assert {row[0] for row in walls} == {"alembic_version"}
    migrate_to_head(scratch)
    assert describe(scratch, (*SHAPE, WALLS)) == first


def test_migrating_again_changes_nothing(scratch):
    migrate_to_head(scratch)
    first = describe(scratch, (*SHAPE, WALLS))
    migrate_to_head(scratch)
    assert describe(scratch, (*SHAPE, WALLS)) == first
