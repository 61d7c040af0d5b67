import subprocess
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest

from veilleur.dev.administration import run_statements
from veilleur.dev.binaries import find_postgres
from veilleur.dev.engines import Engines
from veilleur.dev.roles import RolePasswords, create_database, create_roles, database_url, render_script, role_url

SCRIPT = Path(__file__).parents[2] / "deploy" / "roles.sql"
PASSWORDS = RolePasswords(owner="own'er", app="a/p@p", worker="wörker")
DATABASE = 'the "roles" test'


@pytest.fixture(scope="module")
def admin_url(own_engines: Engines) -> str:
    for _ in range(2):  # safe to run again
        create_roles(own_engines.admin_url, PASSWORDS)
        create_database(own_engines.admin_url, DATABASE)
    return own_engines.admin_url


def url_of(admin_url: str, role: str) -> str:
    passwords = {"veilleur_owner": PASSWORDS.owner, "veilleur_app": PASSWORDS.app, "veilleur_worker": PASSWORDS.worker}
    return role_url(admin_url, role, passwords[role], DATABASE)


async def fetch(url: str, query: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(query))
    finally:
        await connection.close()


async def test_no_role_has_a_power_that_passes_row_level_security(admin_url: str) -> None:
    rows = await fetch(admin_url, "SELECT * FROM pg_roles WHERE rolname LIKE 'veilleur%' ORDER BY rolname")
    assert [(row["rolname"], row["rolcanlogin"]) for row in rows] == [
        ("veilleur_app", True),
        ("veilleur_client", False),
        ("veilleur_owner", True),
        ("veilleur_worker", True),
    ]
    for row in rows:
        powers = ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication")
        assert not any(row[power] for power in powers)


async def test_a_role_that_somebody_made_mighty_is_mended(admin_url: str) -> None:
    run_statements(admin_url, ["ALTER ROLE veilleur_app SUPERUSER BYPASSRLS CREATEDB"])
    create_roles(admin_url, PASSWORDS)
    [row] = await fetch(admin_url, "SELECT * FROM pg_roles WHERE rolname = 'veilleur_app'")
    assert not any(row[power] for power in ("rolsuper", "rolbypassrls", "rolcreatedb"))


async def test_passwords_are_kept_as_scram_verifiers(admin_url: str) -> None:
    rows = await fetch(admin_url, "SELECT rolpassword FROM pg_authid WHERE rolname LIKE 'veilleur%' AND rolcanlogin")
    assert len(rows) == 3
    assert all(row["rolpassword"].startswith("SCRAM-SHA-256$") for row in rows)


@pytest.mark.parametrize("role", ["veilleur_app", "veilleur_worker"])
async def test_the_services_end_what_hangs(admin_url: str, role: str) -> None:
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_timeout")
    [row] = await fetch(url_of(admin_url, role), "SELECT " + ", ".join(f"current_setting('{name}')" for name in names))
    assert list(row.values()) == ["5s", "15s", "15s", "20s"]


async def test_the_owner_may_create_in_the_schema_and_others_may_not(admin_url: str) -> None:
    run_statements(url_of(admin_url, "veilleur_owner"), ["CREATE TABLE owned (a int)"])
    for role in ("veilleur_app", "veilleur_worker"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            run_statements(url_of(admin_url, role), ["CREATE TABLE stolen (a int)"])


async def test_the_api_has_the_clients_rights_only_after_becoming_it(admin_url: str) -> None:
    owner, app = url_of(admin_url, "veilleur_owner"), url_of(admin_url, "veilleur_app")
    run_statements(owner, ["CREATE TABLE of_client (a int)", "GRANT SELECT ON of_client TO veilleur_client"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run_statements(app, ["SELECT * FROM of_client"])
    run_statements(app, ["BEGIN; SET LOCAL ROLE veilleur_client; SELECT * FROM of_client; COMMIT"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run_statements(url_of(admin_url, "veilleur_worker"), ["SET ROLE veilleur_client"])


async def test_backups_have_a_role_that_reads_everything_and_writes_nothing(admin_url: str) -> None:
    create_roles(admin_url, replace(PASSWORDS, backup="b'up"))
    create_database(admin_url, DATABASE)
    run_statements(url_of(admin_url, "veilleur_owner"), ["CREATE TABLE IF NOT EXISTS kept (a int)"])
    backup = role_url(admin_url, "veilleur_backup", "b'up", DATABASE)
    [row] = await fetch(backup, "SELECT count(*), current_setting('default_transaction_read_only') AS only FROM kept")
    assert row["only"] == "on"
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run_statements(backup, ["BEGIN READ WRITE; INSERT INTO kept VALUES (1)"])
    run_statements(
        admin_url, [f'REVOKE ALL ON DATABASE "{name}" FROM veilleur_backup' for name in (DATABASE.replace('"', '""'),)]
    )
    run_statements(admin_url, ["DROP ROLE veilleur_backup"])


async def test_only_the_three_roles_that_log_in_may_connect(admin_url: str) -> None:
    run_statements(admin_url, ["DROP ROLE IF EXISTS stranger", "CREATE ROLE stranger LOGIN PASSWORD 'x'"])
    with pytest.raises(asyncpg.InsufficientPrivilegeError, match="permission denied for database"):
        await asyncpg.connect(role_url(admin_url, "stranger", "x", DATABASE))


def test_an_administrator_without_superpowers_is_enough(admin_url: str) -> None:
    run_statements(
        admin_url,
        [
            "DROP DATABASE IF EXISTS managed",
            "CREATE ROLE managed LOGIN PASSWORD 'x' CREATEROLE CREATEDB",
            "GRANT veilleur_client, veilleur_app, veilleur_worker, veilleur_owner TO managed WITH ADMIN TRUE",
        ],
    )
    managed = role_url(admin_url, "managed", "x", "postgres")
    create_roles(managed, PASSWORDS)
    create_database(managed, "managed")


def test_the_addresses_of_roles_keep_host_port_and_query() -> None:
    admin = "postgresql://postgres:p%40ss@[::1]:5433/postgres?sslmode=require"
    assert role_url(admin, "veilleur_app", "a/b@c") == (
        "postgresql://veilleur_app:a%2Fb%40c@[::1]:5433/veilleur?sslmode=require"
    )
    assert database_url(admin) == "postgresql://postgres:p%40ss@[::1]:5433/veilleur?sslmode=require"


def test_the_script_for_production_is_what_development_runs() -> None:
    assert SCRIPT.read_text(encoding="utf-8") == render_script()


def run_script(admin_url: str) -> None:
    psql = find_postgres(Path("/nowhere"), None) / "psql"
    variables = [part for name in ("owner", "app", "worker") for part in ("-v", f"{name}_password={name}'s")]
    subprocess.run(
        [psql, admin_url, "-X", "-q", "-v", "ON_ERROR_STOP=1", *variables, "-f", SCRIPT],
        check=True,
        capture_output=True,
    )


async def test_the_script_for_production_runs_in_psql(own_engines: Engines) -> None:
    for _ in range(2):  # safe to run again
        run_script(own_engines.admin_url)
    [row] = await fetch(role_url(own_engines.admin_url, "veilleur_app", "app's"), "SELECT current_database()")
    assert row["current_database"] == "veilleur"
    create_roles(own_engines.admin_url, PASSWORDS)
