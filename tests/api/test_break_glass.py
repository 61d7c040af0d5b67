"""The operator looks in: with a reason, for an hour at most, reading only, and the owner sees every look."""

from datetime import timedelta

import pytest

from tests.api.refusals import read_problem
from tests.support.billing import sign
from tests.support.people import Agency, Caller, Json
from tests.support.receiver import open_receiver
from tests.support.world import World
from veilleur.kernel.ids import parse_id, read_id
from veilleur_worker.drains import Drains


async def look_in(world: World, agency: Agency, **wanted: object) -> Json:
    operator = Caller(world.admin, world.operator.key)
    body = {"reason": "Ticket 12: cases do not open"} | wanted
    return await operator.call("POST", f"/admin/v1/agencies/{agency.id}/break-glass", body, 201)


async def list_looks(world: World, agency: Agency) -> list[str]:
    rows = await world.fetch(
        "SELECT details->>'operation' AS name FROM audit_entries WHERE agency_id = $1 AND actor = 'operator'"
        " AND action = 'break_glass.read' ORDER BY at, id",
        parse_id("agc", agency.id),
    )
    return [row["name"] for row in rows]


async def test_the_operator_reads_what_the_owner_reads_and_every_look_is_written_down(world: World, agency: Agency):
    client = await agency.add_client()
    grant = await look_in(world, agency)
    operator = Caller(world.http, grant["token"])
    assert (await operator.call("GET", client.base))["id"] == client.id
    await operator.call("GET", "/owner/v1/members")
    read_problem(await operator.ask("GET", "/owner/v1/clients/cli_x"), 404, "not-found")
    assert await list_looks(world, agency) == ["get_client", "list_members", "get_client"]


async def test_the_agencys_endpoints_are_told_once_and_the_alarm_closes_with_the_look(world: World, agency: Agency):
    async with open_receiver() as receiver, open_receiver() as chat:
        for kind, to, more in (("standard", receiver, {"events": ["break_glass.opened"]}), ("slack", chat, {})):
            body = {"kind": kind, "url": to.url, "language": "fr"} | more
            await agency.owner.call("POST", "/owner/v1/endpoints", body, 201)
        grant = await look_in(world, agency)
        operator = Caller(world.http, grant["token"])
        for _ in range(2):
            await operator.call("GET", "/owner/v1/clients")
        await Drains(world.worker).run("delivery", read_id("agc", agency.id))
        [told], [said] = receiver.calls, chat.calls
    assert (told.body["type"], told.body["data"]["subject"]) == ("break_glass.opened", grant["id"])
    assert told.body["data"]["figures"] == {"reason": grant["reason"], "expires_at": grant["expires_at"]}
    assert said.body["text"].startswith(f"L'exploitant consulte cette agence : {grant['id']}")
    assert grant["reason"] in said.body["text"]
    assert await list_states(agency) == ["open"]
    await agency.owner.call("POST", f"/owner/v1/break-glass/{grant['id']}/end", status=200)
    assert await list_states(agency) == ["closed"]


async def test_a_look_that_has_run_out_closes_its_alarm_and_no_other(world: World, agency: Agency):
    for minutes in (10, 60):
        await look_in(world, agency, minutes=minutes)
    await world.move_clock(timedelta(minutes=20))
    await Drains(world.worker).run("watch", read_id("agc", agency.id))
    assert sorted(await list_states(agency)) == ["closed", "open"]


async def list_states(agency: Agency) -> list[str]:
    alarms = await agency.owner.call("GET", "/owner/v1/alarms?kind=break_glass.opened")
    return [one["state"] for one in alarms["data"]]


async def test_the_operator_changes_nothing_and_sees_no_desk(world: World, agency: Agency):
    client = await agency.add_client()
    operator = Caller(world.http, (await look_in(world, agency))["token"])
    for method, path, body in (
        ("PATCH", client.base, {"name": "Mine"}),
        ("POST", "/owner/v1/queues", {"code": "x", "name": "x"}),
        ("POST", "/owner/v1/rule-sets/check", {"rule_set": {}}),
        ("GET", "/moderator/v1/me", None),
        ("GET", "/moderator/v1/assignments", None),
    ):
        read_problem(await operator.ask(method, path, body), 403, "forbidden")
    read_problem(await operator.ask("GET", "/ingest/v1/me"), 401, "unauthenticated")
    assert await list_looks(world, agency) == []


async def test_an_operators_look_at_a_reconciliation_is_answered_and_not_kept(world: World, agency: Agency):
    client = await agency.add_client()
    await sign(client)
    operator = Caller(world.http, (await look_in(world, agency))["token"])
    seen = await operator.call("GET", f"/owner/v1/reconciliation?client={client.id}")
    assert (seen["differences"], seen["made_by"]) == (0, None)
    assert (await agency.owner.call("GET", f"{client.base}/reconciliations"))["data"] == []


async def test_a_look_opens_one_agency(world: World, agency: Agency):
    other = await (await world.operator.found_agency()).add_client()
    operator = Caller(world.http, (await look_in(world, agency))["token"])
    read_problem(await operator.ask("GET", other.base), 404, "not-found")


async def test_the_owner_sees_the_look_and_ends_it_at_once(world: World, agency: Agency):
    grant = await look_in(world, agency, minutes=60)
    operator = Caller(world.http, grant["token"])
    await operator.call("GET", "/owner/v1/clients")
    [seen] = (await agency.owner.call("GET", "/owner/v1/break-glass"))["data"]
    assert (seen["id"], seen["reason"], seen["ended_at"]) == (grant["id"], "Ticket 12: cases do not open", None)
    assert "token" not in seen
    ended = await agency.owner.call("POST", f"/owner/v1/break-glass/{grant['id']}/end", status=200)
    again = await agency.owner.call("POST", f"/owner/v1/break-glass/{grant['id']}/end", status=200)
    assert ended["ended_by"].startswith("mem_")
    assert again == ended
    read_problem(await operator.ask("GET", "/owner/v1/clients"), 401, "unauthenticated")


async def test_a_look_ends_by_itself(world: World, agency: Agency):
    operator = Caller(world.http, (await look_in(world, agency, minutes=10))["token"])
    await world.move_clock(timedelta(minutes=9))
    await operator.call("GET", "/owner/v1/clients")
    await world.move_clock(timedelta(minutes=10, seconds=1))
    read_problem(await operator.ask("GET", "/owner/v1/clients"), 401, "unauthenticated")


@pytest.mark.parametrize("wanted", [{"minutes": 61}, {"minutes": 0}, {"reason": ""}, {"reason": None}])
async def test_no_look_without_a_reason_or_for_longer_than_an_hour(world: World, shared_agency: Agency, wanted: Json):
    operator = Caller(world.admin, world.operator.key)
    body = {"reason": "x"} | wanted
    answer = await operator.ask("POST", f"/admin/v1/agencies/{shared_agency.id}/break-glass", body)
    assert answer.status_code == 422


async def test_no_look_into_what_is_not_there(world: World):
    operator = Caller(world.admin, world.operator.key)
    for agency_id in ("agc_x", "agc_" + "0" * 26):
        answer = await operator.ask("POST", f"/admin/v1/agencies/{agency_id}/break-glass", {"reason": "x"})
        read_problem(answer, 404, "not-found")
