"""An owner who lost the way in: the operator gives a code, and the agency hears of it."""

from tests.api.refusals import read_problem
from tests.support.people import Agency, Caller, Json
from tests.support.receiver import open_receiver
from tests.support.world import World
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains


def path(agency: Agency) -> str:
    return f"/admin/v1/agencies/{agency.id}/owner-login"


async def name_owner(agency: Agency) -> Json:
    members = (await agency.owner.call("GET", "/owner/v1/members"))["data"]
    [owner] = [one for one in members if "owner" in one["roles"]]
    return owner


async def test_an_owner_gets_in_again_and_nobody_else_and_the_agency_is_told(world: World, agency: Agency):
    operator = Caller(world.admin, world.operator.key)
    owner = await name_owner(agency)
    wanted = {"email": owner["email"].upper(), "reason": "Ticket 13: lost her mailbox"}
    async with open_receiver() as receiver:
        body = {"kind": "standard", "url": receiver.url, "events": ["owner.readmitted"]}
        await agency.owner.call("POST", "/owner/v1/endpoints", body, 201)
        code = await operator.call("POST", path(agency), wanted, 201)
        await Drains(world.worker).run("delivery", read_id("agc", agency.id))
        [told] = receiver.calls
    assert (told.body["type"], told.body["data"]["subject"]) == ("owner.readmitted", owner["id"])
    assert told.body["data"]["figures"]["reason"] == wanted["reason"]
    given = {"grant_type": code["grant_type"], "code": code["code"]}
    token = (await world.http.post("/oauth/token", data=given)).json()["access_token"]
    me = await Caller(world.http, token).call("GET", f"/owner/v1/members/{owner['id']}")
    assert me["email"] == owner["email"]
    deeds = await world.fetch(
        "SELECT details->>'reason' AS reason FROM audit_entries WHERE agency_id = $1 AND action = 'owner.readmitted'",
        read_id("agc", agency.id),
    )
    assert [deed["reason"] for deed in deeds] == [wanted["reason"]]


async def test_nobody_but_an_active_owner_of_that_agency_is_let_in(world: World, agency: Agency):
    operator = Caller(world.admin, world.operator.key)
    lead, stranger = ({"email": f"{role}@x.example", "name": "L", "roles": [role]} for role in ("lead", "owner"))
    await agency.owner.call("POST", "/owner/v1/members", lead, 201)
    await (await world.operator.found_agency()).owner.call("POST", "/owner/v1/members", stranger, 201)
    for email in (lead["email"], stranger["email"], "nobody@x.example"):
        refused = await operator.ask("POST", path(agency), {"email": email, "reason": "x"})
        read_problem(refused, 404, "not-found")
    owner = await name_owner(agency)
    blank = await operator.ask("POST", path(agency), {"email": owner["email"], "reason": "  "})
    read_problem(blank, 422, "invalid")
    shut_out = await Caller(world.admin, "not-the-operator").ask("POST", path(agency), {"email": owner["email"]})
    read_problem(shut_out, 401, "unauthenticated")
