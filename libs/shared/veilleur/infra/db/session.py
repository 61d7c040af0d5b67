"""The tenant-bound transaction: the only way to the database.

`Database.transaction(scope)` is one transaction, committed when the block ends and rolled back when it raises. The
scope decides which rows exist in it: PostgreSQL's row-level security compares every row with `app.agency_id`, and for
a client's own credentials also with `app.client_id` under the role `veilleur_client`.

The settings ride on the driver's own BEGIN (no extra round trip): SQLAlchemy sends BEGIN lazily, so a `SET LOCAL`
sent before it would be lost.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import AsyncAdaptedQueuePool, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from veilleur.infra import figures
from veilleur.infra.db.faults import silence_error
from veilleur.infra.doorbell import Doorbell
from veilleur.infra.worklist import pop_rings, write_hints


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction sees: one agency's, or one client's of it. No agency: no tenanted row at all."""

    agency_id: UUID | None = None
    client_id: UUID | None = None

    def to_statements(self) -> str:
        statements = ""
        if self.agency_id is not None:
            statements += f"SET LOCAL app.agency_id = '{self.agency_id}';"
        if self.client_id is not None:
            statements += f"SET LOCAL app.client_id = '{self.client_id}';SET LOCAL ROLE veilleur_client;"
        return statements


NOBODY = Scope()


class ScopedConnection(asyncpg.Connection):  # type: ignore[misc]
    """Appends the scope's settings to BEGIN."""

    __slots__ = ("scope",)

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109
        scope: Scope = getattr(self, "scope", NOBODY)
        if query.startswith("BEGIN"):
            query += scope.to_statements()
        return await super().execute(query, *args, timeout=timeout)  # type: ignore[no-any-return]


class TimedPool(AsyncAdaptedQueuePool):
    """Tells how long its users wait: for a connection that another gives back, or for a new one."""

    def _do_get(self) -> ConnectionPoolEntry:
        started = perf_counter()
        try:
            return super()._do_get()
        except PoolTimeoutError:
            figures.POOL_TIMEOUTS.inc()
            raise
        finally:
            figures.POOL_WAIT.observe(perf_counter() - started)


class Database:
    """A pool of connections of one role, and the bell that is rung for work left by a commit."""

    def __init__(self, url: str, *, bell: Doorbell, pool_size: int = 10) -> None:
        self._bell = bell
        self.engine = create_async_engine(
            make_url(url).set(drivername="postgresql+asyncpg"),
            poolclass=TimedPool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=5,
            hide_parameters=True,  # errors are logged, and parameters are content
            connect_args={"connection_class": ScopedConnection, "timeout": 5, "command_timeout": 20},
        )
        event.listen(self.engine.sync_engine, "checkin", _forget_scope)
        event.listen(self.engine.sync_engine, "handle_error", silence_error)

    @asynccontextmanager
    async def transaction(self, scope: Scope) -> AsyncIterator[AsyncSession]:
        async with AsyncSession(self.engine, expire_on_commit=False, autoflush=False) as session:
            session.info["scope"] = scope
            async with session.begin():
                yield session
                await write_hints(session)
        for kind, agency_id in pop_rings(session):
            self._bell.ring(kind, agency_id)

    def tell_pool(self, *others: "Database") -> None:
        """Set the gauges of this process's connections, those of its other pools included."""
        pools = [database.engine.pool for database in (self, *others)]
        timed = [pool for pool in pools if isinstance(pool, TimedPool)]
        figures.POOL_CONNECTIONS.labels("in_use").set(sum(pool.checkedout() for pool in timed))
        figures.POOL_CONNECTIONS.labels("idle").set(sum(pool.checkedin() for pool in timed))

    async def close(self) -> None:
        await self.engine.dispose()


@event.listens_for(Session, "after_begin")
def _apply_scope(session: Session, _transaction: object, connection: Any) -> None:
    scope = session.info.get("scope")
    if scope is not None:
        connection.connection.dbapi_connection.driver_connection.scope = scope


def _forget_scope(dbapi_connection: Any, _record: object) -> None:
    if dbapi_connection is not None:
        dbapi_connection.driver_connection.scope = NOBODY
