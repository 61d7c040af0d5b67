"""A process waits for a database that is on its way, and for none that refuses it."""

import asyncio
import time
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from veilleur.dev.ports import choose_ports
from veilleur.infra.cannot_start import CannotStart
from veilleur.infra.db import start
from veilleur.infra.db.guard import HastyServerError
from veilleur.infra.db.session import Database
from veilleur.infra.db.start import prepare_database
from veilleur.infra.doorbell import SilentBell


@asynccontextmanager
async def open_database(url):
    database = Database(url, bell=SilentBell())
    try:
        yield database
    finally:
        await database.close()


def url_of(world):
    return world.parts.settings.database_url.get_secret_value()


def at_port(url, port):
    return url.replace(f":{urlsplit(url).port}/", f":{port}/")


async def pipe(reader, writer):
    while piece := await reader.read(65_536):
        writer.write(piece)
    writer.close()


async def test_it_waits_until_the_database_listens(world, monkeypatch):
    url = url_of(world)
    [port] = choose_ports(["late"], {}).values()
    missed = asyncio.Event()
    monkeypatch.setattr(start._log, "warning", lambda *_, **__: missed.set())

    async def connect(reader, writer):
        there = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))

    async with open_database(at_port(url, port)) as database:
        preparing = asyncio.create_task(prepare_database(database))
        await asyncio.wait_for(missed.wait(), 10)
        assert not preparing.done()
        async with await asyncio.start_server(connect, "127.0.0.1", port):
            await asyncio.wait_for(preparing, 10)
            await database.close()


async def test_its_patience_ends(world, monkeypatch):
    monkeypatch.setattr(start, "PATIENCE_S", 0.1)
    [port] = choose_ports(["nobody"], {}).values()
    async with open_database(at_port(url_of(world), port)) as database:
        with pytest.raises(CannotStart, match="can't be reached"):
            await prepare_database(database)


@pytest.mark.parametrize("url", ["admin_url", "wrong_password"])
async def test_it_does_not_wait_where_waiting_mends_nothing(world, url):
    app_url = url_of(world)
    urls = {"admin_url": world.admin_url, "wrong_password": app_url.replace(":" + urlsplit(app_url).password, ":nope")}
    began = time.monotonic()
    async with open_database(urls[url]) as database:
        with pytest.raises(CannotStart, match={"admin_url": "superuser", "wrong_password": "password"}[url]):
            await prepare_database(database)
    assert time.monotonic() - began < start.PATIENCE_S / 3


async def test_a_server_that_forgets_what_it_confirmed_is_refused(world):
    role = f"ALTER ROLE {urlsplit(url_of(world)).username} IN DATABASE {urlsplit(url_of(world)).path[1:]}"
    await world.fetch(f"{role} SET synchronous_commit = off")
    try:
        async with open_database(url_of(world)) as database:
            with pytest.raises(HastyServerError):
                await prepare_database(database)
    finally:
        await world.fetch(f"{role} RESET synchronous_commit")
