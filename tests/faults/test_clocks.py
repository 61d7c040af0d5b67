"""The processes' clocks may be wrong: leases and deadlines live by the database's."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.support.desk import Moderator, open_desk, slug
from tests.support.people import Caller, unique

ME = "/moderator/v1/me"


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


async def test_a_clock_set_back_an_hour_ends_no_session_and_steals_no_lease(world):
    """What was issued before looks as if it came from the future, and so do the signatures of honest senders: they are
    told so, and come again. A log-in lives by the database's clock: its refresh token buys access that holds.
    """
    desk = await open_desk(world)
    mine, theirs = await log_in(desk), await log_in(desk)
    await desk.receive(2)
    [held] = await enter(world, mine).take()
    raw = b'{"type":"item.created","timestamp":"2026-11-22T10:00:00Z","data":{"external_id":"c_late","text":"x"}}'
    signed = desk.client.sign(raw)
    with time_machine.travel(datetime.now(UTC) - timedelta(hours=1), tick=True):
        refused = [await enter(world, mine).caller.ask("GET", ME), await desk.client.post(raw, signed)]
        assert [answer.status_code for answer in refused] == [401, 401]
        assert slug(refused[1]) == "bad-signature"
        assert "webhook-timestamp" in refused[1].json()["detail"]
        assert (await desk.client.api.ask("GET", "/ingest/v1/me")).status_code == 200
        mine, theirs = await renew(world, mine), await renew(world, theirs)
        [other] = await enter(world, theirs).take()
        assert other["case"]["id"] != held["case"]["id"]
        assert (await enter(world, theirs).claim(2))["reason"] == "empty"
        [beat] = await enter(world, mine).beat(held)
        assert "problem" not in beat
        await world.drain()
        assert await desk.count("sla_clocks", "breached_at IS NOT NULL") == 0
        assert (await enter(world, mine).decide(held)).status_code == 201
    assert (await desk.client.post(raw, signed)).status_code == 202
    mine = await renew(world, mine)
    assert (await enter(world, mine).caller.ask("GET", ME)).status_code == 200
    [row] = await desk.fetch("SELECT made_at, now() AS now FROM decisions WHERE agency_id = $1")
    assert abs(row["now"] - row["made_at"]) < timedelta(minutes=1)


async def log_in(desk):
    body = {"email": f"{unique('mo')}@agency.example", "name": "Mo", "roles": ["moderator"], "clients": "all"}
    member = await desk.agency.owner.call("POST", "/owner/v1/members", body | {"capacity": 5}, 201)
    code = await desk.agency.owner.call("POST", f"/owner/v1/members/{member['id']}/tokens", status=201)
    return await trade(desk.world, {"grant_type": code["grant_type"], "code": code["code"]})


async def renew(world, tokens):
    return await trade(world, {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})


async def trade(world, form):
    answer = await world.http.post("/oauth/token", data=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def enter(world, tokens):
    return Moderator(Caller(world.http, tokens["access_token"]))
