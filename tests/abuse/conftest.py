"""An agency for each attempt: what is broken here must be nobody else's."""

import pytest

from tests.support.people import Agency
from tests.support.world import World


@pytest.fixture
async def agency(world: World) -> Agency:
    return await world.operator.found_agency()
