"""A process refuses to start under a role that row-level security does not bind."""

from sqlalchemy import text

from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.db.session import NOBODY, Database


class UnsafeRoleError(CannotStart):
    """The database role of this process could see every agency."""


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
