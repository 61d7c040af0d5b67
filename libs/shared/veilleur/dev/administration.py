"""Statements as the administrator of a server, from code that is not asynchronous.

Each call opens one connection and closes it. It runs in a thread of its own, so that it works inside and outside an
event loop alike.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import asyncpg

_CONNECT_SECONDS = 5.0

T = TypeVar("T")


def run_statements(url: str, statements: Iterable[str]) -> None:
    """One after the other, each in a transaction of its own (`CREATE DATABASE` wants none around it)."""

    async def execute(connection: asyncpg.Connection) -> None:
        for statement in statements:
            await connection.execute(statement)

    _on_connection(url, execute)


def has_row(url: str, query: str, *values: object) -> bool:
    """Whether `query`, with `values` for `$1` and so on, finds anything."""

    async def fetch(connection: asyncpg.Connection) -> bool:
        return await connection.fetchrow(query, *values) is not None

    return _on_connection(url, fetch)


def why_silent(url: str) -> str | None:
    """Why no session can be opened, None when one can; a port that listens may still refuse during recovery."""
    try:
        run_statements(url, ["SELECT 1"])
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        return str(error) or type(error).__name__
    return None


def _on_connection(url: str, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        connection = await asyncpg.connect(url, timeout=_CONNECT_SECONDS)
        try:
            return await work(connection)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(run())).result()
