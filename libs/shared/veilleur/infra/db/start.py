"""What a process asks of its database before it serves."""

import asyncio
import time

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from veilleur.infra.db.faults import explain_silence, is_foreign
from veilleur.infra.db.guard import refuse_hasty_server, refuse_unsafe_role
from veilleur.infra.db.schema import refuse_unfit_schema
from veilleur.infra.db.session import NOBODY, Database

PATIENCE_S = 30.0
PAUSE_S = (0.05, 1.0)
"""Between two tries, doubling from the first to the second."""

_log = structlog.get_logger()


async def prepare_database(database: Database) -> None:
    """Wait until it answers, then raise `UnsafeRoleError`, `HastyServerError` or `UnfitSchemaError` where this process
    must not start.

    When machines come back together, the database is the last that does: dying meanwhile would cost the whole start of
    a process once more. `CannotStart` where it refuses, or after `PATIENCE_S`.
    """
    await _wait(database)
    await refuse_unsafe_role(database)
    await refuse_hasty_server(database)
    await refuse_unfit_schema(database)


async def _wait(database: Database) -> None:
    until, (pause, longest) = time.monotonic() + PATIENCE_S, PAUSE_S
    while True:
        try:
            async with database.transaction(NOBODY) as session:
                await session.execute(text("SELECT 1"))
        except (DBAPIError, OSError, TimeoutError) as error:
            if not is_foreign(error) or time.monotonic() > until:
                raise explain_silence(error) or error from error
            _log.warning("database_awaited", error=str(error))
        else:
            return
        await asyncio.sleep(pause)
        pause = min(2 * pause, longest)
