"""Staying logged in: refresh tokens are good once, a second use ends the session, logging out ends everything."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from tests.api.refusals import read_problem
from tests.support.people import Agency, Caller, Client, Json
from tests.support.world import World
from veilleur.kernel.ids import parse_id

ME = "/moderator/v1/me"


async def log_in(agency: Agency, member_id: str) -> Json:
    code = await agency.owner.call("POST", f"/owner/v1/members/{member_id}/tokens", status=201)
    answer = await agency.http.post("/oauth/token", data={"grant_type": code["grant_type"], "code": code["code"]})
    assert answer.status_code == 200
    tokens: Json = answer.json()
    return tokens


async def add_member(agency: Agency, **fields: object) -> str:
    body = {"email": "mo@agency.example", "name": "Mo", "roles": ["moderator"]} | fields
    member = await agency.owner.call("POST", "/owner/v1/members", body, 201)
    return str(member["id"])


async def refresh(world: World, token: str) -> httpx.Response:
    return await world.http.post("/oauth/token", data={"grant_type": "refresh_token", "refresh_token": token})


async def is_open(world: World, tokens: Json) -> bool:
    world.parts.lookups.forget()
    return (await Caller(world.http, tokens["access_token"]).ask("GET", ME)).status_code == 200


def is_refused(answer: httpx.Response) -> bool:
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


@pytest.fixture
async def member_id(agency: Agency) -> str:
    return await add_member(agency)


@pytest.fixture
async def tokens(agency: Agency, member_id: str) -> Json:
    return await log_in(agency, member_id)


async def test_a_log_in_gives_a_short_access_token_and_a_refresh_token_for_twelve_hours(world: World, tokens: Json):
    assert set(tokens) == {"access_token", "token_type", "expires_in", "refresh_token", "refresh_expires_in"}
    assert tokens["refresh_token"].startswith("vl_refresh_")
    assert tokens["refresh_expires_in"] == 12 * 3_600
    assert tokens["expires_in"] == world.settings.token_lifetime_s
    assert type(world.settings).model_fields["token_lifetime_s"].default == 15 * 60
    assert await is_open(world, tokens)


async def test_a_refresh_token_is_traded_for_the_next_one(world: World, tokens: Json):
    for _ in range(3):
        answer = await refresh(world, tokens["refresh_token"])
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        tokens, before = answer.json(), tokens
        assert tokens["refresh_token"] != before["refresh_token"]
        assert await is_open(world, tokens)


async def test_a_refresh_token_used_twice_ends_the_session_for_both(world: World, agency: Agency, tokens: Json):
    thief = (await refresh(world, tokens["refresh_token"])).json()
    assert is_refused(await refresh(world, tokens["refresh_token"]))
    assert is_refused(await refresh(world, thief["refresh_token"]))
    assert not await is_open(world, thief)
    assert not await is_open(world, tokens)
    [deed] = await world.fetch(
        "SELECT actor, details FROM audit_entries WHERE agency_id = $1 AND action = 'session.ended'",
        parse_id("agc", agency.id),
    )
    assert deed["actor"] == "system"
    assert "reuse" in deed["details"]


async def test_of_many_uses_at_once_one_succeeds_and_the_session_ends(world: World, tokens: Json):
    answers = await asyncio.gather(*(refresh(world, tokens["refresh_token"]) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] + [400] * 5
    [lucky] = [answer.json() for answer in answers if answer.status_code == 200]
    assert is_refused(await refresh(world, lucky["refresh_token"]))


async def test_another_log_in_of_the_same_person_goes_on(world: World, agency: Agency, member_id: str, tokens: Json):
    other = await log_in(agency, member_id)
    for _ in range(2):
        await refresh(world, tokens["refresh_token"])
    assert not await is_open(world, tokens)
    assert await is_open(world, other)


async def test_a_session_ends_after_twelve_hours_however_often_it_is_refreshed(world: World, tokens: Json):
    for hours in (6, 11):
        await world.move_clock(timedelta(hours=hours), end_sessions=True)
        tokens = (await refresh(world, tokens["refresh_token"])).json()
        assert tokens["refresh_expires_in"] == pytest.approx((12 - hours) * 3_600, abs=30)
    await world.move_clock(timedelta(hours=11, minutes=50), end_sessions=True)
    tokens = (await refresh(world, tokens["refresh_token"])).json()
    assert tokens["expires_in"] <= 600
    await world.move_clock(timedelta(hours=12, seconds=1), end_sessions=True)
    assert is_refused(await refresh(world, tokens["refresh_token"]))
    assert not await is_open(world, tokens)


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
async def test_logging_out_ends_every_token_of_the_session(world: World, tokens: Json, which: str):
    later = (await refresh(world, tokens["refresh_token"])).json()
    answer = await world.http.post("/oauth/revoke", data={"token": later[which]})
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert is_refused(await refresh(world, later["refresh_token"]))
    assert not await is_open(world, tokens)
    assert not await is_open(world, later)


async def test_revoking_what_is_no_token_is_no_mistake(world: World, shared_client: Client):
    for token in ("x", "vl_refresh_" + "0" * 38, "a.b.c", shared_client.api.token):
        assert (await world.http.post("/oauth/revoke", data={"token": token})).status_code == 200
    await shared_client.api.call("GET", "/ingest/v1/me", status=200)
    answer = await world.http.post("/oauth/revoke", data={})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_the_owner_logs_somebody_out_everywhere(world: World, agency: Agency, member_id: str, tokens: Json):
    other = await log_in(agency, member_id)
    await agency.owner.call("DELETE", f"/owner/v1/members/{member_id}/sessions", status=204)
    for one in (tokens, other):
        assert is_refused(await refresh(world, one["refresh_token"]))
        assert not await is_open(world, one)


async def test_who_was_shut_out_refreshes_nothing(world: World, agency: Agency, member_id: str, tokens: Json):
    await agency.owner.call("PATCH", f"/owner/v1/members/{member_id}", {"active": False}, 200)
    assert is_refused(await refresh(world, tokens["refresh_token"]))
    await agency.owner.call("PATCH", f"/owner/v1/members/{member_id}", {"active": True}, 200)
    assert is_refused(await refresh(world, tokens["refresh_token"])), "a new log-in is asked of who comes back"


async def test_a_refresh_token_opens_no_door(world: World, tokens: Json):
    read_problem(await Caller(world.http, tokens["refresh_token"]).ask("GET", ME), 401, "unauthenticated")


async def test_sessions_are_forgotten_a_month_later(world: World, agency: Agency, tokens: Json):
    agency_id = parse_id("agc", agency.id)
    count = "SELECT count(*) AS n FROM refresh_tokens WHERE agency_id = $1"
    await world.move_clock(timedelta(days=29), end_sessions=True)
    await world.drain()
    assert (await world.fetch(count, agency_id))[0]["n"] == 1
    await world.move_clock(timedelta(days=32), end_sessions=True)
    await world.drain()
    assert (await world.fetch(count, agency_id))[0]["n"] == 0
    assert await world.fetch("SELECT FROM member_sessions WHERE agency_id = $1", agency_id) == []
