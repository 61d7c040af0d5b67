"""`veilleur migrate`: bring the schema to the newest revision, under the role `veilleur_owner`."""

import asyncio
from importlib.resources import files

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from veilleur.infra.settings import DatabaseSettings

ADVISORY_LOCK = 0x7665696C6C657572  # "veilleur": two migrations never run at once


def run(_arguments: list[str]) -> int:
    migrate_to_head(DatabaseSettings().database_url.get_secret_value())
    return 0


def migrate_to_head(owner_url: str) -> None:
    """Upgrade the database named by `owner_url` (a role that owns it)."""
    asyncio.run(_upgrade(owner_url))


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(files("veilleur.infra.db") / "migrations"))
    config.attributes["connection"] = connection
    return config


async def _upgrade(owner_url: str) -> None:
    engine = create_async_engine(make_url(owner_url).set(drivername="postgresql+asyncpg"))
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            await connection.execute(text("SET LOCAL lock_timeout = '2s'"))
            await connection.run_sync(lambda sync: command.upgrade(alembic_config(sync), "head"))
    finally:
        await engine.dispose()
