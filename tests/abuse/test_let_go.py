"""Who was let go is out, with everything that was ever handed to them, and stays so until they log in anew."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.api.refusals import read_problem
from tests.support.desk import Moderator, open_desk
from tests.support.idp import Idp, open_idp
from tests.support.people import Agency, Caller, Json, unique
from tests.support.world import World
from veilleur.kernel.ids import parse_id

ME = "/moderator/v1/me"
LOGIN_CODE = "urn:veilleur:grant-type:login-code"


@pytest.fixture
async def idp() -> AsyncIterator[Idp]:
    async with open_idp("RSA") as idp:
        yield idp


async def add_member(agency: Agency, roles: list[str]) -> str:
    body = {"email": f"{unique('m')}@agency.example", "name": "Mo", "roles": roles}
    return str((await agency.owner.call("POST", "/owner/v1/members", body, 201))["id"])


async def issue_code(agency: Agency, member_id: str) -> str:
    return str((await agency.owner.call("POST", f"/owner/v1/members/{member_id}/tokens", status=201))["code"])


async def use_code(agency: Agency, code: str, **more: str) -> Any:
    return await agency.http.post("/oauth/token", data={"grant_type": LOGIN_CODE, "code": code} | more)


async def is_in(world: World, token: str, path: str = ME) -> bool:
    world.parts.lookups.forget()
    return (await Caller(world.http, token).ask("GET", path)).status_code == 200


async def test_who_is_let_in_again_starts_from_nothing(world: World, agency: Agency):
    member_id = await add_member(agency, ["moderator"])
    before: Json = (await use_code(agency, await issue_code(agency, member_id))).json()
    lying_about = await issue_code(agency, member_id)
    path = f"/owner/v1/members/{member_id}"
    await agency.owner.call("PATCH", path, {"active": False}, 200)
    assert not await is_in(world, before["access_token"])
    await agency.owner.call("PATCH", path, {"active": True}, 200)
    assert not await is_in(world, before["access_token"]), "a token from before"
    form = {"grant_type": "refresh_token", "refresh_token": before["refresh_token"]}
    assert (await agency.http.post("/oauth/token", data=form)).status_code == 400, "a refresh token from before"
    assert (await use_code(agency, lying_about)).status_code == 400, "a login code from before"
    after: Json = (await use_code(agency, await issue_code(agency, member_id))).json()
    assert await is_in(world, after["access_token"])


async def test_the_first_owners_first_token_can_be_ended_like_any_other(world: World, agency: Agency):
    mine = (await agency.owner.call("GET", ME))["id"]
    second = await agency.log_in(await add_member(agency, ["owner"]))
    await second.call("DELETE", f"/owner/v1/members/{mine}/sessions", status=204)
    assert not await is_in(world, agency.owner.token, "/owner/v1/clients")
    other = await world.operator.found_agency()
    revoked = await world.http.post("/oauth/revoke", data={"token": other.owner.token})
    assert revoked.status_code == 200
    assert not await is_in(world, other.owner.token, "/owner/v1/clients")


async def test_an_unlinked_identity_ends_what_it_opened_and_nothing_else(world: World, agency: Agency, idp: Idp):
    terms = {"name": "Company", "issuer": idp.issuer, "audience": "veilleur-api", "algorithms": ["RS256"]}
    await agency.owner.call("POST", "/owner/v1/identity-providers", terms, 201)
    member_id = await add_member(agency, ["moderator"])
    linked: Json = (await use_code(agency, await issue_code(agency, member_id), identity_token=idp.sign())).json()
    by_code: Json = (await use_code(agency, await issue_code(agency, member_id))).json()
    path = f"/owner/v1/members/{member_id}/identities"
    [identity] = (await agency.owner.call("GET", path))["data"]
    await agency.owner.call("DELETE", f"{path}/{identity['id']}", status=204)
    assert not await is_in(world, linked["access_token"])
    form = {"grant_type": "refresh_token", "refresh_token": linked["refresh_token"]}
    assert (await agency.http.post("/oauth/token", data=form)).status_code == 400
    assert await is_in(world, by_code["access_token"])


@pytest.mark.parametrize("patch", [{"active": False}, {"roles": ["lead"]}])
async def test_the_last_owner_stays_one(agency: Agency, patch: Json):
    mine = (await agency.owner.call("GET", ME))["id"]
    read_problem(await agency.owner.ask("PATCH", f"/owner/v1/members/{mine}", patch), 409, "last-owner")
    second = await agency.log_in(await add_member(agency, ["owner"]))
    await agency.owner.call("PATCH", f"/owner/v1/members/{mine}", patch, 200)
    theirs = (await second.call("GET", ME))["id"]
    read_problem(await second.ask("PATCH", f"/owner/v1/members/{theirs}", patch), 409, "last-owner")
    await second.call("PATCH", f"/owner/v1/members/{theirs}", {"roles": ["owner", "lead"]}, 200)


async def test_two_owners_who_let_each_other_go_at_once_leave_one(world: World, agency: Agency):
    mine = (await agency.owner.call("GET", ME))["id"]
    theirs = await add_member(agency, ["owner"])
    second = await agency.log_in(theirs)
    answers = await asyncio.gather(
        agency.owner.ask("PATCH", f"/owner/v1/members/{theirs}", {"active": False}),
        second.ask("PATCH", f"/owner/v1/members/{mine}", {"active": False}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    [row] = await world.fetch(
        "SELECT count(*) FROM members WHERE agency_id = $1 AND disabled_at IS NULL", parse_id("agc", agency.id)
    )
    assert row[0] == 1


async def test_what_was_in_the_hands_of_who_is_let_go_is_anybodys_at_once(world: World):
    desk = await open_desk(world)
    held = await desk.take_one()
    path = f"/owner/v1/members/{await desk.moderator.get_id()}"
    await desk.agency.owner.call("PATCH", path, {"active": False}, 200)
    other = await desk.hire()
    assert [one["case"]["id"] for one in await other.take()] == [held["case"]["id"]]


async def test_a_log_in_with_fewer_roles_corrects_as_what_it_is(world: World, idp: Idp):
    desk = await open_desk(world)
    terms = {
        "name": "Company", "issuer": idp.issuer, "audience": "veilleur-api", "algorithms": ["RS256"],
        "role_claim": "roles", "role_map": {"mods": "moderator", "leads": "lead"},
    }  # fmt: skip
    await desk.agency.owner.call("POST", "/owner/v1/identity-providers", terms, 201)
    body = {"email": "lead@agency.example", "name": "Li", "roles": ["moderator", "lead"], "clients": "all"}
    lead_id = (await desk.agency.owner.call("POST", "/owner/v1/members", body, 201))["id"]
    code = await issue_code(desk.agency, lead_id)
    narrow: Json = (await use_code(desk.agency, code, identity_token=idp.sign(roles=["mods"]))).json()
    decided = (await desk.moderator.decide(await desk.take_one(), "allow")).json()
    correction = {"verdict": "remove", "actions": [], "policies": ["spam"], "reason": "I say so"}
    path = f"/moderator/v1/decisions/{decided['id']}/correct"
    for token in (narrow["access_token"], idp.sign(roles=["mods"])):
        read_problem(await Caller(world.http, token).ask("POST", path, correction), 403, "lead-only")
    wide = Caller(world.http, idp.sign(roles=["mods", "leads"]))
    assert (await wide.ask("POST", path, correction)).status_code == 201


async def test_an_expert_who_lost_the_skill_is_not_handed_what_was_kept_for_them(world: World):
    desk = await open_desk(world)
    held = await desk.take_one()
    quarantine = {"fence": held["fence"], "class": "csam"}
    await desk.moderator.caller.call("POST", f"/moderator/v1/assignments/{held['id']}/quarantine", quarantine)
    expert = await desk.hire(skills=["quarantine"])
    owner, expert_id = desk.agency.owner, await expert.get_id()
    await owner.call("POST", f"/owner/v1/cases/{held['case']['id']}/assign", {"member": expert_id}, 200)
    await owner.call("PATCH", f"/owner/v1/members/{expert_id}", {"skills": []}, 200)
    assert (await expert.claim())["assignments"] == []
    await owner.call("PATCH", f"/owner/v1/members/{expert_id}", {"skills": ["quarantine"]}, 200)
    assert len(await Moderator(expert.caller).take()) == 1
