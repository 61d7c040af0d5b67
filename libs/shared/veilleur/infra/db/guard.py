"""A process refuses to start where it could not keep its promises: a role that row-level security does not bind, a
server that forgets what it confirmed.
"""

from sqlalchemy import text

from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.db.session import NOBODY, Database


class UnsafeRoleError(CannotStart):
    """The database role of this process could see every agency."""


class HastyServerError(CannotStart):
    """What is accepted could be lost."""


async def refuse_unsafe_role(database: Database) -> None:
    """Raise `UnsafeRoleError` for a superuser or a role with BYPASSRLS."""
    async with database.transaction(NOBODY) as session:
        query = text("SELECT rolname, rolsuper OR rolbypassrls AS unsafe FROM pg_roles WHERE rolname = current_user")
        role = (await session.execute(query)).one()
    if role.unsafe:
        message = (
            f"The database role {role.rolname} is a superuser or bypasses row-level security:"
            " connect as veilleur_app or veilleur_worker (deploy/roles.sql)."
        )
        raise UnsafeRoleError(message)


async def refuse_hasty_server(database: Database) -> None:
    """Raise `HastyServerError` where commits are confirmed before they are on disk, for this role at least."""
    async with database.transaction(NOBODY) as session:
        confirms = (await session.execute(text("SELECT current_setting('synchronous_commit')"))).scalar_one()
    if confirms == "off":
        message = (
            "The database confirms commits before they are on disk, and a crash would lose what was accepted:"
            " set synchronous_commit to on, for the server, the database and the role."
        )
        raise HastyServerError(message)
