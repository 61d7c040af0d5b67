"""A migrated database of these tests' own, to be broken, and the settings of an API on it."""

import os
import subprocess
from dataclasses import dataclass

import asyncpg
import pytest

from tests.conftest import PASSWORD, TEMPLATE
from tests.support.world import MASTER_KEY, OPERATOR_KEY
from veilleur.dev.administration import run_statements
from veilleur.dev.roles import create_database, database_url, role_url
from veilleur.infra.settings import Settings
from veilleur.operations.backup import find_program
from veilleur.operations.examine import examine
from veilleur.operations.finding import Level


@dataclass(frozen=True)
class Patient:
    name: str
    settings: Settings

    @property
    def admin_url(self):
        return database_url(os.environ["VEILLEUR_TEST_DATABASE_URL"], self.name)

    def url_as(self, role, password=PASSWORD):
        return role_url(os.environ["VEILLEUR_TEST_DATABASE_URL"], role, password, self.name)

    def told(self, **changes):
        """Its settings, changed."""
        return Settings(**(self.settings.model_dump() | changes))

    async def execute(self, *statements):
        connection = await asyncpg.connect(self.admin_url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()


async def complaints(settings):
    """`part: level` of every finding that is more than a note."""
    return {f"{one.part}: {one.level.name.lower()}" for one in await examine(settings) if one.level > Level.NOTE}


@pytest.fixture(scope="session")
def patient(worker_id):
    admin_url, name = os.environ["VEILLEUR_TEST_DATABASE_URL"], f"veilleur_patient_{worker_id}"
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    run_statements(admin_url, [drop])
    create_database(admin_url, name, template=TEMPLATE)
    settings = Settings(
        database_url=role_url(admin_url, "veilleur_app", PASSWORD, name),
        redis_url=os.environ["VEILLEUR_TEST_REDIS_URL"],
        master_key=MASTER_KEY,
        operator_key=OPERATOR_KEY,
        environment="dev",
    )
    beat = "SELECT gen_random_uuid(), 'h', 1, max(version_num), now(), now() + interval '1 day' FROM alembic_version"
    run_statements(database_url(admin_url, name), [f"INSERT INTO worker_heartbeats {beat}"])
    yield Patient(name, settings)
    run_statements(admin_url, [drop])


@pytest.fixture
def restored(worker_id):
    """The name of an empty database, to restore into."""
    admin_url, name = os.environ["VEILLEUR_TEST_DATABASE_URL"], f"veilleur_restored_{worker_id}"
    drop = f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"
    run_statements(admin_url, [drop])
    create_database(admin_url, name)
    yield name
    run_statements(admin_url, [drop])


def backup_url(database):
    return role_url(os.environ["VEILLEUR_TEST_DATABASE_URL"], "veilleur_backup", PASSWORD, database)


def restore(file, database):
    """As the runbook says."""
    into = database_url(os.environ["VEILLEUR_TEST_DATABASE_URL"], database)
    command = [find_program("pg_restore"), "--exit-on-error", "--single-transaction", f"--dbname={into}", str(file)]
    subprocess.run(command, check=True, capture_output=True)
