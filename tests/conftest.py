"""Real PostgreSQL and Valkey for every test.

Embedded engines by default, or the servers that VEILLEUR_TEST_DATABASE_URL (an administrator) and
VEILLEUR_TEST_REDIS_URL name. The schema is migrated once into a template; every xdist worker clones it. Tests commit
for real, and a fresh agency per test is the isolation.
"""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.world import World, open_world
from veilleur.dev.administration import run_statements
from veilleur.dev.engines import embedded_engines
from veilleur.dev.roles import RolePasswords, create_database, create_roles, role_url
from veilleur.infra.db.migrate import migrate_to_head
from veilleur.infra.telemetry import set_up_logs

set_up_logs("console")

PASSWORD = "only-for-tests"
TEMPLATE = "veilleur_template"

_stack = ExitStack()


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput"):
        _take_own_valkey(config.workerinput["workerid"])
    if hasattr(config, "workerinput") or config.option.collectonly:
        return
    if "VEILLEUR_TEST_DATABASE_URL" not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="veilleur-test-"))
        _stack.callback(shutil.rmtree, folder)
        engines = _stack.enter_context(embedded_engines(folder, durable=False))
        os.environ["VEILLEUR_TEST_DATABASE_URL"] = engines.admin_url
        os.environ["VEILLEUR_TEST_REDIS_URL"] = engines.redis_url
    admin_url = os.environ["VEILLEUR_TEST_DATABASE_URL"]
    create_roles(admin_url, RolePasswords(PASSWORD, PASSWORD, PASSWORD, PASSWORD))
    run_statements(admin_url, [f"DROP DATABASE IF EXISTS {TEMPLATE} WITH (FORCE)"])
    create_database(admin_url, TEMPLATE)
    migrate_to_head(role_url(admin_url, "veilleur_owner", PASSWORD, TEMPLATE))


def _take_own_valkey(worker: str) -> None:
    """A database of its own on the one server, as in PostgreSQL: what a test wipes is nobody else's."""
    server, _, _ = os.environ["VEILLEUR_TEST_REDIS_URL"].rpartition("/")
    os.environ["VEILLEUR_TEST_REDIS_URL"] = f"{server}/{int(worker.removeprefix('gw')) % 16}"


def pytest_unconfigure() -> None:
    _stack.close()


@pytest.fixture(scope="session")
def database_name(worker_id: str) -> Iterator[str]:
    """This worker's own clone of the migrated template."""
    admin_url = os.environ["VEILLEUR_TEST_DATABASE_URL"]
    name = f"veilleur_test_{worker_id}"
    run_statements(admin_url, [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"])
    create_database(admin_url, name, template=TEMPLATE)
    yield name
    run_statements(admin_url, [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"])


@pytest.fixture(scope="session")
async def world(database_name: str) -> AsyncIterator[World]:
    """The application as production builds it, on this worker's database."""
    async with open_world(
        os.environ["VEILLEUR_TEST_DATABASE_URL"], os.environ["VEILLEUR_TEST_REDIS_URL"], database_name, PASSWORD
    ) as world:
        yield world


@pytest.fixture(autouse=True)
async def _real_time(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """A test that moved the database's clock leaves it as it was, and no work to those after it."""
    yield
    if "world" in request.fixturenames:
        world: World = request.getfixturevalue("world")
        await world.leave_test()
