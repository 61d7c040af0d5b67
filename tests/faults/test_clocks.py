"""The processes' clocks may be wrong: leases and deadlines live by the database's."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.support.desk import open_desk


@pytest.mark.parametrize("minutes", [10, -10], ids=["ten minutes ahead", "ten minutes behind"])
async def test_no_deadline_is_early_and_no_lease_is_stolen_by_a_wrong_clock(world, minutes):
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes), tick=True):
        desk = await open_desk(world)
        other = await desk.hire()
        await desk.receive()
        [held] = await desk.moderator.take()
        await world.drain()
        assert (await other.claim())["reason"] == "empty"
        [beat] = await desk.moderator.beat(held)
        assert "problem" not in beat
        assert await desk.count("sla_clocks", "breached_at IS NOT NULL") == 0
        assert await desk.count("sla_clocks") == 1
        assert (await desk.moderator.decide(held)).status_code == 201
    [row] = await desk.fetch("SELECT made_at, now() AS now FROM decisions WHERE agency_id = $1")
    assert abs(row["now"] - row["made_at"]) < timedelta(minutes=1)
