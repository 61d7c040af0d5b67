"""The roles of Veilleur, for any PostgreSQL from 15 on: the one source of `deploy/roles.sql` and of embedded servers.

    veilleur_owner    LOGIN    owns the database, runs migrations; under forced row-level security it sees no rows
    veilleur_app      LOGIN    the API
    veilleur_client   NOLOGIN  what the API becomes (`SET LOCAL ROLE`) for a client's own credentials
    veilleur_worker   LOGIN    the worker
    veilleur_backup   LOGIN    `veilleur backup`, where a password is given for it: reads everything, writes nothing

None is superuser or makes databases and roles, and none but the last passes row-level security. Everything here may
run again at any time.
"""

from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit, urlunsplit

import asyncpg

from veilleur.dev.administration import has_row, run_statements

OWNER: Final = "veilleur_owner"
APP: Final = "veilleur_app"
CLIENT: Final = "veilleur_client"
WORKER: Final = "veilleur_worker"
BACKUP: Final = "veilleur_backup"
DATABASE: Final = "veilleur"

_ATTRIBUTES = "NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"
# pg_dump under a role that row-level security binds would see nothing, and refuses. Only a superuser can make this one.
_BACKUP_ATTRIBUTES = "NOSUPERUSER BYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION"

# A request ends within these or not at all: a session that hangs would keep its row locks and its snapshot.
_LIMITS = {"lock_timeout": "5s", "statement_timeout": "15s", "idle_in_transaction_session_timeout": "15s"}
_LIMIT_SINCE_17 = ("transaction_timeout", "20s")

_SCRIPT_HEAD = """\
-- The roles and the database of Veilleur, for any PostgreSQL from 15 on. Safe to run again.
-- Written by `python -m veilleur.dev.roles`; `veilleur dev` and the tests run the same statements.
--
--   psql "$ADMIN_URL" -v ON_ERROR_STOP=1 -v owner_password=… -v app_password=… -v worker_password=… -f deploy/roles.sql
--
-- With `-v backup_password=…` the role of `veilleur backup` is made as well; that takes a superuser.
--
-- The administrator is a superuser, or a role with CREATEROLE and CREATEDB as managed services give.
"""


@dataclass(frozen=True, slots=True)
class RolePasswords:
    """In clear; the server keeps SCRAM verifiers."""

    owner: str
    app: str
    worker: str
    backup: str | None = None


def create_roles(admin_url: str, passwords: RolePasswords) -> None:
    """Make or mend the roles and set their passwords. The administrator is a superuser or has CREATEROLE."""
    run_statements(
        admin_url, _role_statements(*(_literal(text) for text in (passwords.owner, passwords.app, passwords.worker)))
    )
    if passwords.backup is not None:
        run_statements(admin_url, _backup_statements(_literal(passwords.backup)))


def create_database(admin_url: str, name: str = DATABASE, *, template: str = "template0") -> None:
    """Make the database when missing; only our roles that log in may connect. After `create_roles`.

    `template` is a database without open sessions whose content the new one starts with.
    """
    if not has_row(admin_url, "SELECT FROM pg_database WHERE datname = $1", name):
        with suppress(asyncpg.DuplicateDatabaseError):  # somebody else was faster
            run_statements(admin_url, [_create_database(name, template)])
    run_statements(admin_url, _access_statements(name))
    if has_row(admin_url, "SELECT FROM pg_roles WHERE rolname = $1", BACKUP):
        run_statements(admin_url, _backup_access_statements(name))


def role_url(admin_url: str, role: str, password: str, database: str = DATABASE) -> str:
    """The administrator's address with another user, password and database."""
    parts = urlsplit(database_url(admin_url, database))
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(role, safe='')}:{quote(password, safe='')}@{host}"))


def database_url(admin_url: str, name: str = DATABASE) -> str:
    """The administrator's address on another database."""
    return urlunsplit(urlsplit(admin_url)._replace(path=f"/{quote(name, safe='')}"))


def render_script() -> str:
    """The text of `deploy/roles.sql`: the same statements for psql, with its variables in place of the passwords."""
    missing = f"NOT EXISTS (SELECT FROM pg_database WHERE datname = {_literal(DATABASE)})"
    create = f"SELECT {_literal(_create_database(DATABASE))}\nWHERE {missing}\n\\gexec\n"
    roles = _role_statements(":'owner_password'", ":'app_password'", ":'worker_password'")
    written = [*(f"{statement};\n" for statement in roles), create]
    written += [f"{statement};\n" for statement in _access_statements(DATABASE)]
    backup = [*_backup_statements(":'backup_password'"), *_backup_access_statements(DATABASE)]
    written += ["\\if :{?backup_password}\n", *(f"{statement};\n" for statement in backup), "\\endif\n"]
    return "\n".join([_SCRIPT_HEAD, *written])


def _role_statements(owner_password: str, app_password: str, worker_password: str) -> list[str]:
    """The passwords come as SQL expressions: literals, or the variables of psql."""
    return [
        # Two who run this at once would fail with `tuple concurrently updated`. Ends with the session.
        "SELECT pg_advisory_lock(hashtext('veilleur roles'))",
        "SET password_encryption = 'scram-sha-256'",
        _make_role(OWNER, "LOGIN"),
        _make_role(APP, "LOGIN NOINHERIT"),
        _make_role(CLIENT, "NOLOGIN"),
        _make_role(WORKER, "LOGIN"),
        f"ALTER ROLE {OWNER} PASSWORD {owner_password}",
        f"ALTER ROLE {APP} PASSWORD {app_password}",
        f"ALTER ROLE {WORKER} PASSWORD {worker_password}",
        _let_app_become_client(),
        *(f"ALTER ROLE {role} SET {name} = '{value}'" for role in (APP, WORKER) for name, value in _LIMITS.items()),
        _limit_transactions(),
        _let_administrator_act_as_owner(),
    ]


def _backup_statements(password: str) -> list[str]:
    return [
        _make_role(BACKUP, "LOGIN", _BACKUP_ATTRIBUTES),
        f"ALTER ROLE {BACKUP} PASSWORD {password}",
        f"ALTER ROLE {BACKUP} SET default_transaction_read_only = on",
        f"GRANT pg_read_all_data TO {BACKUP}",
    ]


def _backup_access_statements(database: str) -> list[str]:
    return [
        f"SET ROLE {OWNER}",
        f"GRANT CONNECT ON DATABASE {_identifier(database)} TO {BACKUP}",
        "RESET ROLE",
    ]


def _access_statements(database: str) -> list[str]:
    name = _identifier(database)
    return [
        f"SET ROLE {OWNER}",
        f"REVOKE ALL ON DATABASE {name} FROM PUBLIC",
        f"GRANT CONNECT ON DATABASE {name} TO {OWNER}, {APP}, {WORKER}",
        "RESET ROLE",
    ]


def _create_database(name: str, template: str = "template0") -> str:
    return f"CREATE DATABASE {_identifier(name)} OWNER {OWNER} ENCODING 'UTF8' TEMPLATE {_identifier(template)}"


def _make_role(role: str, login: str, attributes: str = _ATTRIBUTES) -> str:
    """Only a superuser may even repeat NOSUPERUSER, hence ALTER only where there is something to take away."""
    bypasses = "" if "NOBYPASSRLS" not in attributes else "rolbypassrls OR "
    return f"""\
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}') THEN
    CREATE ROLE {role} {attributes};
  ELSIF EXISTS (SELECT FROM pg_roles WHERE rolname = '{role}'
                AND (rolsuper OR {bypasses}rolcreatedb OR rolcreaterole OR rolreplication)) THEN
    ALTER ROLE {role} {attributes};
  END IF;
  ALTER ROLE {role} {login};
END $$"""


def _let_app_become_client() -> str:
    """The API may become the client's role and must not have its rights before; up to 15 NOINHERIT alone says so."""
    return f"""\
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 160000 THEN
    EXECUTE 'GRANT {CLIENT} TO {APP} WITH INHERIT FALSE, SET TRUE';
  ELSE
    GRANT {CLIENT} TO {APP};
  END IF;
END $$"""


def _limit_transactions() -> str:
    name, value = _LIMIT_SINCE_17
    return f"""\
DO $$ BEGIN
  IF current_setting('server_version_num')::int >= 170000 THEN
    ALTER ROLE {APP} SET {name} = '{value}';
    ALTER ROLE {WORKER} SET {name} = '{value}';
  END IF;
END $$"""


def _let_administrator_act_as_owner() -> str:
    """A superuser may anyway; who merely made the role must be able to give it a database."""
    return f"""\
DO $$ BEGIN
  IF NOT current_setting('is_superuser')::bool THEN
    EXECUTE format('GRANT {OWNER} TO %I', current_user);
  END IF;
END $$"""


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    print(render_script(), end="")
