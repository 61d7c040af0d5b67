"""Can the database be reached at all, and if not, why."""

import socket

import asyncpg
from sqlalchemy.engine import make_url

from veilleur.kernel.messages import Message, msg
from veilleur.operations.finding import Finding, Level

CONNECT_S = 5


async def check_database(url: str) -> list[Finding]:
    """One finding; a fault means that nothing in the database can be looked at."""
    address = make_url(url)
    where = f"{address.host}:{address.port or 5432}"
    try:
        connection = await asyncpg.connect(
            address.set(drivername="postgresql").render_as_string(False), timeout=CONNECT_S
        )
        version = connection.get_server_version()
        await connection.close()
    except (TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
        return [Finding(Level.FAULT, "database", _tell(error, where), _mend(error))]
    if version.major < 15:
        told = msg("PostgreSQL {version} is older than what is supported", version=version.major)
        return [Finding(Level.FAULT, "database", told, msg("Run PostgreSQL 15 or newer"))]
    return [Finding(Level.WELL, "database", msg("PostgreSQL {version} answers", version=version.major))]


def _tell(error: Exception, where: str) -> Message:
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():
            return msg("The database at {where} refuses the role or its password", where=where)
        case asyncpg.InvalidCatalogNameError():
            return msg("The server at {where} has no such database", where=where)
        case asyncpg.TooManyConnectionsError():
            return msg("The server at {where} has no connection left", where=where)
        case socket.gaierror():
            return msg("The name of the database's server, {where}, leads nowhere", where=where)
        case _:
            return msg("No database answers at {where} ({kind})", where=where, kind=type(error).__name__)


def _mend(error: Exception) -> Message:
    match error:
        case asyncpg.InvalidAuthorizationSpecificationError():
            return msg("Set the role's password again with deploy/roles.sql, and VEILLEUR_DATABASE_URL to match")
        case asyncpg.InvalidCatalogNameError():
            return msg("Run deploy/roles.sql, which makes it, and then `veilleur migrate`")
        case asyncpg.TooManyConnectionsError():
            return msg("Raise max_connections, or lower VEILLEUR_POOL_SIZE times the number of processes")
        case _:
            return msg("Check that PostgreSQL runs, and host, port and firewall in VEILLEUR_DATABASE_URL")
