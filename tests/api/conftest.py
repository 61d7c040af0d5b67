"""An agency with a client, fresh for a test or shared by a module whose tests leave nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.people import Agency, Client
from tests.support.world import World


@pytest.fixture
async def agency(world: World) -> Agency:
    return await world.operator.found_agency()


@pytest.fixture
async def client(agency: Agency) -> Client:
    return await agency.add_client()


@pytest.fixture(scope="module")
async def shared_agency(world: World) -> Agency:
    return await world.operator.found_agency()


@pytest.fixture(scope="module")
async def shared_client(shared_agency: Agency) -> Client:
    """For tests in which nothing is stored."""
    return await shared_agency.add_client()


@pytest.fixture
async def refuse_texts(world: World) -> AsyncIterator[object]:
    """Make PostgreSQL itself refuse items of a text: `async with refuse_texts("poison", "22023"): …`."""
    return lambda text, code: _refusing(world, text, code)


@asynccontextmanager
async def _refusing(world: World, text: str, code: str) -> AsyncIterator[None]:
    await world.fetch(
        f"""
        CREATE FUNCTION refuse_text() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '{code}'; END $$"""
    )
    await world.fetch(
        f"""CREATE TRIGGER refuse_text BEFORE INSERT ON items FOR EACH ROW
            WHEN (NEW.body->>'text' = '{text}') EXECUTE FUNCTION refuse_text()"""
    )
    try:
        yield
    finally:
        await world.fetch("DROP TRIGGER refuse_text ON items")
        await world.fetch("DROP FUNCTION refuse_text")
