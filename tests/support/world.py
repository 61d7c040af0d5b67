"""The application under test: built by the calls production makes, driven over HTTP."""

import base64
import hashlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_network

import asyncpg
import httpx
from sqlalchemy import event

from tests.support.people import Operator
from veilleur.dev.roles import role_url
from veilleur.infra.db.session import Database
from veilleur.infra.settings import Settings
from veilleur_api.app import create_admin_app, create_app
from veilleur_api.parts import Parts as ApiParts
from veilleur_api.parts import build_parts
from veilleur_worker.drains import Drains
from veilleur_worker.parts import Parts as WorkerParts
from veilleur_worker.parts import build_parts as build_worker_parts
from veilleur_worker.schedule import sweep

BASE_URL = "http://veilleur.test"
OPERATOR_KEY = "operator-key-that-is-long-enough"
MASTER_KEY = base64.b64encode(hashlib.sha256(b"tests").digest()).decode()


@dataclass(frozen=True, slots=True)
class World:
    settings: Settings
    worker_settings: Settings
    parts: ApiParts
    worker: WorkerParts
    http: httpx.AsyncClient
    admin: httpx.AsyncClient
    owner_url: str
    admin_url: str
    """An administrator's address on this database: row-level security does not bind it."""

    @property
    def operator(self) -> Operator:
        return Operator(self.http, self.admin, OPERATOR_KEY)

    async def drain(self) -> None:
        """What the worker would do within the next seconds."""
        drains = Drains(self.worker)
        for _ in range(3):
            await sweep(self.worker, drains)

    async def move_clock(self, offset: timedelta, *, end_sessions: bool = False) -> None:
        """Move the database's clock: leases, deadlines and due times live by it.

        Whoever has logged in stays so, unless the test is about that.
        """
        ahead = f"interval '{int(offset.total_seconds())} seconds'"
        await self._define_now(f"now() + {ahead}")
        if not end_sessions:
            await self.fetch(
                "UPDATE member_sessions SET expires_at = greatest(expires_at, app_now() + interval '1 hour')"
            )

    async def reset_clock(self) -> None:
        await self._define_now("now()")

    async def leave_test(self) -> None:
        """Set the clock right, and leave no work behind: a later test's drain would do it, and more with every test."""
        await self._define_now("now()", "DELETE FROM work_hints")

    async def fetch(self, query: str, *values: object) -> list[asyncpg.Record]:
        """Look behind the curtain, as a database administrator."""
        connection = await asyncpg.connect(self.admin_url)
        try:
            rows: list[asyncpg.Record] = await connection.fetch(query, *values)
            return rows
        finally:
            await connection.close()

    @contextmanager
    def count_statements(self, database: Database | None = None) -> Iterator[list[str]]:
        """What the API sends to the database meanwhile: for people, or over the connections given."""
        sent: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            sent.append(statement)

        engine = (database or self.parts.database).engine.sync_engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(engine, "before_cursor_execute", note)

    async def _define_now(self, expression: str, *more: str) -> None:
        connection = await asyncpg.connect(self.owner_url)
        try:
            await connection.execute(
                f"CREATE OR REPLACE FUNCTION app_now() RETURNS timestamptz LANGUAGE sql STABLE AS $$SELECT {expression}$$"
            )
            for statement in more:
                await connection.execute(statement)
        finally:
            await connection.close()


@asynccontextmanager
async def open_world(admin_url: str, redis_url: str, database: str, password: str) -> AsyncIterator[World]:
    common = {
        "redis_url": redis_url,
        "master_key": MASTER_KEY,
        "operator_key": OPERATOR_KEY,
        "environment": "dev",
        "base_url": BASE_URL,
        "egress_allow": (ip_network("127.0.0.0/8"),),
        "token_lifetime_s": 3_600,
    }
    settings = Settings(database_url=role_url(admin_url, "veilleur_app", password, database), **common)
    worker_settings = Settings(database_url=role_url(admin_url, "veilleur_worker", password, database), **common)
    parts, worker = build_parts(settings), build_worker_parts(worker_settings)
    app, admin_app = create_app(settings, parts), create_admin_app(settings, parts)
    try:
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE_URL) as http,
            httpx.AsyncClient(transport=httpx.ASGITransport(admin_app), base_url=BASE_URL) as admin,
        ):
            yield World(
                settings=settings,
                worker_settings=worker_settings,
                parts=parts,
                worker=worker,
                http=http,
                admin=admin,
                owner_url=role_url(admin_url, "veilleur_owner", password, database),
                admin_url=admin_url.rsplit("/", 1)[0] + f"/{database}",
            )
    finally:
        await worker.close()
