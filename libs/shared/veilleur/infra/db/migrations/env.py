"""Runs the revisions on the connection that `veilleur.infra.db.migrate` hands over, each in its own transaction."""

from alembic import context
from sqlalchemy import Connection, event

from veilleur.infra.db.migrate import LOCK_TIMEOUT_MS

connection: Connection = context.config.attributes["connection"]


@event.listens_for(connection, "begin")
def _wait_not_for_long(begun: Connection) -> None:
    begun.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")


context.configure(connection=connection, target_metadata=None, transactional_ddl=True, transaction_per_migration=True)
try:
    with context.begin_transaction():
        context.run_migrations()
finally:
    event.remove(connection, "begin", _wait_not_for_long)
