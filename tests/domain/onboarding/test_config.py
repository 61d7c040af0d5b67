"""A client's configuration as one document: what is put is what is read, all at once or not at all."""

import copy
import json

import pytest

from tests.support.desk import ASK_RULES, open_desk, slug
from veilleur.domain.onboarding.config_diff import diff_sections


async def get(desk, client=None):
    answer = await desk.agency.owner.ask("GET", f"{(client or desk.client).base}/config")
    assert answer.status_code == 200, answer.text
    return answer.json(), answer.headers["etag"]


async def put(desk, wanted, client=None, query="", **headers):
    return await desk.agency.owner.ask("PUT", f"{(client or desk.client).base}/config{query}", wanted, **headers)


def test_a_difference_is_told_by_section_and_entry():
    before = {"policies": [{"code": "a", "severity": 1}, {"code": "b", "severity": 1}], "settings": {"tone": ""}}
    after = {"policies": [{"code": "b", "severity": 2}, {"code": "c", "severity": 1}], "settings": {"tone": ""}}
    assert diff_sections(before, after) == {
        "policies": {
            "added": ["c"],
            "removed": ["a"],
            "changed": [{"code": "b", "fields": {"severity": {"before": 1, "after": 2}}}],
        }
    }


async def test_what_is_read_and_put_back_changes_nothing(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.add_endpoint("http://127.0.0.1:9/x", ["decision.made"])
    await desk.agency.owner.call(
        "POST", f"{desk.client.base}/macros", {"code": "m", "title": "M", "texts": {"fr": "Bonjour {author}"}}, 201
    )
    patch = {"tone": "warm", "contacts": [{"name": "Ada", "role": "legal"}]}
    await desk.agency.owner.call("PATCH", desk.client.base, patch, 200)
    document, etag = await get(desk)
    before = await desk.count("audit_entries")
    answer = await put(desk, document, if_match=etag)
    assert (answer.json(), answer.headers["etag"]) == ({"dry_run": False, "diff": {}}, etag)
    assert await desk.count("audit_entries") == before
    assert await get(desk) == (document, etag)
    assert "whsec_" not in json.dumps(document)


async def test_one_clients_document_makes_another_client_like_it(world):
    desk = await open_desk(world, ASK_RULES)
    owner = desk.agency.owner
    await owner.call("POST", f"{desk.client.base}/policies", {"code": "doping", "title": "Doping"}, 201)
    document, _ = await get(desk)
    document["settings"]["house_rules"] = "Be kind"
    document["policies"] = [one for one in document["policies"] if one["code"] != "off_topic"]
    document["sla"]["default"]["decision"]["seconds"] = 60
    other = await desk.agency.add_client()
    tried = (await put(desk, document, other, "?dry_run=1")).json()
    assert tried["dry_run"] is True
    assert tried["diff"]["policies"] == {"added": ["doping"], "removed": ["off_topic"]}
    assert (await get(desk, other))[0]["rule_set"] is None
    done = (await put(desk, document, other)).json()
    assert done["diff"] == tried["diff"]
    assert (await get(desk, other))[0] == document
    removed = await desk.receive(client=other, text="bad")
    assert (await other.look(removed[0]))["decision"]["verdict"] == "remove"
    [deed] = await desk.fetch("SELECT details FROM audit_entries WHERE agency_id = $1 AND action = 'config.changed'")
    assert json.loads(deed["details"]) == {"sections": ["policies", "rule_set", "settings", "sla"]}


async def test_everything_that_is_wrong_is_told_at_once_and_nothing_is_changed(world):
    desk = await open_desk(world, ASK_RULES)
    document, _ = await get(desk)
    wanted = copy.deepcopy(document)
    wanted["settings"] |= {"calendar": "cal_none", "queue": "nowhere", "time_zone": "Europe/Pari"}
    wanted["policies"] = [{"code": "spam", "title": "Spam", "default_actions": ["vanish"]}]
    wanted["actions"][0]["targets"] = ["house"]
    wanted["macros"] = [{"code": "m", "title": "M", "texts": {"fr": "{nobody}"}}] * 2
    wanted["sla"]["default"]["decision"] = {"seconds": 0, "time": "soon"}
    wanted["callbacks"] = {"events": ["decision.unmade"]}
    wanted["surprise"] = {}
    answer = await put(desk, wanted)
    assert answer.status_code == 422
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    for pointer in (
        "/settings/calendar", "/settings/queue", "/settings/time_zone", "/policies/0/default_actions/0",
        "/actions/0/targets/0", "/macros/0/texts/fr", "/macros/1/code", "/sla/default/decision/seconds",
        "/sla/default/decision/time", "/callbacks/events/0", "/surprise", "/rule_set/rules/1/then/policies/0",
    ):  # fmt: skip
        assert pointer in pointers, pointer
    assert (await get(desk))[0] == document


async def test_a_change_that_fails_late_leaves_nothing_behind(world):
    """Rules are published last: when their version is refused by the database, the catalogue is as it was."""
    desk = await open_desk(world, ASK_RULES)
    document, _ = await get(desk)
    name = f"refuse_{desk.agency_id.hex}"
    await world.fetch(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no'; END $$")
    await world.fetch(
        f"CREATE TRIGGER {name} BEFORE INSERT ON rule_sets FOR EACH ROW"
        f" WHEN (NEW.agency_id = '{desk.agency_id}') EXECUTE FUNCTION {name}()"
    )
    wanted = copy.deepcopy(document) | {"policies": [*document["policies"], {"code": "new", "title": "New"}]}
    wanted["rule_set"]["title"] = "Another"
    try:
        assert (await put(desk, wanted)).status_code == 500
    finally:
        await world.fetch(f"DROP FUNCTION {name} CASCADE")
    assert (await get(desk))[0] == document


async def test_rules_that_need_a_second_person_are_not_slipped_in_with_the_rest(world):
    desk = await open_desk(world, ASK_RULES)
    for _ in range(30):
        await desk.receive(text="fine")
    document, _ = await get(desk)
    wanted = copy.deepcopy(document)
    wanted["settings"]["tone"] = "cool"
    wanted["rule_set"]["lists"]["bad"]["entries"].append("fine")
    answer = await put(desk, wanted)
    assert (answer.status_code, slug(answer)) == (409, "second-person")
    assert (await get(desk))[0] == document


async def test_who_read_an_older_version_is_told(world):
    desk = await open_desk(world)
    document, etag = await get(desk)
    changed = copy.deepcopy(document)
    changed["settings"]["tone"] = "cool"
    assert (await put(desk, changed, if_match=etag)).status_code == 200
    assert (await put(desk, document, if_match=etag)).status_code == 412
    assert (await get(desk))[0]["settings"]["tone"] == "cool"


async def test_only_the_sections_that_are_named_change(world):
    desk = await open_desk(world)
    await desk.client.add_endpoint("http://127.0.0.1:9/x")
    diff = (await put(desk, {"callbacks": {"events": ["decision.made"]}, "macros": None})).json()["diff"]
    assert diff == {"callbacks": {"events": {"before": [], "after": ["decision.made"]}}}
    listed = await desk.agency.owner.call("GET", f"{desk.client.base}/config")
    assert listed["callbacks"] == {"events": ["decision.made"]}


@pytest.mark.parametrize("body", [[], "x", 3, {"settings": []}, {"rule_set": 3}, {"sla": "never"}, {"policies": {}}])
async def test_what_is_no_configuration_is_refused(world, body):
    desk = await open_desk(world)
    assert (await put(desk, body)).status_code == 422
