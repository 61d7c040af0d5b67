import pytest

from tests.journeys.isolation.tenants import settle


@pytest.fixture(scope="session")
async def thief(world):
    return await settle(world, "thief")


@pytest.fixture(scope="session")
async def seized(world):
    return await settle(world, "seized")
