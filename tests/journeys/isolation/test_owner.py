"""An owner names nothing of another agency, and two agencies may use the same names."""

import json

from tests.journeys.isolation.attempts import refuses
from tests.journeys.isolation.households import RULES


async def test_a_client_or_member_is_not_changed_to_point_into_another_agency(world, thief, seized):
    owner, home = thief.agency.owner, thief.homes[0]
    refuses(await owner.ask("PATCH", home.client.base, {"calendar": seized.ids["calendar"]}), "/calendar")
    path = f"/owner/v1/members/{thief.ids['member']}"
    refuses(await owner.ask("PATCH", path, {"clients": [home.client.id, seized.homes[0].client.id]}), "/clients/1")
    assert (await owner.call("GET", path))["clients"] == "all"


async def test_a_cursor_of_another_agency_opens_nothing(thief, seized):
    for path in ("/owner/v1/clients", "/owner/v1/deliveries", "/owner/v1/usage/records"):
        cursor = (await seized.agency.owner.call("GET", f"{path}?limit=1"))["next"]
        answer = await thief.agency.owner.ask("GET", f"{path}?limit=200&after={cursor}")
        assert answer.status_code == 200
        assert "seized" not in answer.text
        for home in seized.homes:
            assert home.client.id not in answer.text


async def test_a_rule_set_can_not_send_cases_into_another_agencys_queue(thief, seized):
    rules = json.loads(json.dumps(RULES))
    rules["rules"][0]["then"]["escalate"]["queue"] = seized.ids["queue"]
    answer = await thief.agency.owner.ask("POST", f"{thief.homes[0].client.base}/rule-sets", {"rule_set": rules})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "/rules/0/then/escalate/queue"


async def test_the_same_names_in_two_agencies_do_not_meet(world):
    """Slugs, e-mails, external ids and webhook ids are each agency's own."""
    receipts = []
    for _ in range(2):
        agency = await world.operator.found_agency()
        client = await agency.add_client(slug="forum")
        await agency.add_moderator(email="mo@agency.example")
        answer = await client.send({"external_id": "c_1", "text": "Bonjour"}, webhook_id="msg_1")
        receipts += answer.json()["items"]
    assert [receipt["status"] for receipt in receipts] == ["accepted", "accepted"]
    assert receipts[0]["id"] != receipts[1]["id"]
