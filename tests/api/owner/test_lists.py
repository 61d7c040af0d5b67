"""Lists of the agency and of clients, as owners keep them."""

import pytest

from tests.support.desk import slug
from tests.support.rules import make_rule, make_rules
from veilleur.kernel.ids import parse_id

PATH = "/owner/v1/lists"
SHA = "a" * 64


def text(*entries, code="insults", **more):
    return {"code": code, "title": "Insults", "list": {"kind": "phrases", "entries": entries} | more}


def change(*entries, **more):
    return {"title": "Insults", "list": {"entries": entries} | more}


def sharing(*leaves, **more):
    """A rule set that shares `insults`."""
    lists = {"bad": {"kind": "shared", "list": "insults"}}
    return make_rules(make_rule("bad", *(leaves or ("hits('bad') > 0",)), **more), lists=lists)


@pytest.fixture
async def fresh(world):
    agency = await world.operator.found_agency()
    return agency, await agency.add_client()


async def test_a_list_is_kept_in_versions(fresh):
    owner = fresh[0].owner
    made = await owner.call("POST", PATH, text("idiot"), 201)
    assert (made["kind"], made["entries"], made["version"], made["client"]) == ("phrases", 1, 1, None)
    path = f"{PATH}/{made['id']}"
    answer = await owner.ask("PUT", path, change("idiot", "crétin") | {"note": "more"}, if_match='"1"')
    assert (answer.status_code, answer.headers["etag"], answer.json()["entries"]) == (200, '"2"', 2)
    whole = await owner.call("GET", path)
    assert whole["list"] == {"entries": ["idiot", "crétin"]}
    assert [(one["version"], one["note"]) for one in whole["versions"]] == [(2, "more"), (1, "")]
    assert {one["author"][:4] for one in whole["versions"]} == {"mem_"}
    old = await owner.call("GET", f"{path}?version=1")
    assert (old["list"], old["shown_version"], old["version"]) == ({"kind": "phrases", "entries": ["idiot"]}, 1, 2)
    for nothing in ("3", "0", "-1", str(2**40)):
        assert (await owner.ask("GET", f"{path}?version={nothing}")).status_code == 404
    [shown] = (await owner.call("GET", PATH))["data"]
    assert shown["id"] == made["id"]
    assert "list" not in shown


async def test_the_same_once_more_is_no_new_version(fresh):
    owner = fresh[0].owner
    made = await owner.call("POST", PATH, text("idiot"), 201)
    again = {name: value for name, value in text("idiot").items() if name != "code"}
    assert (await owner.call("PUT", f"{PATH}/{made['id']}", again))["version"] == 1


async def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused(fresh):
    owner = fresh[0].owner
    path = f"{PATH}/{(await owner.call('POST', PATH, text('idiot'), 201))['id']}"
    await owner.call("PUT", path, change("crétin"), if_match='"1"')
    for method, body in (("PUT", change("x")), ("DELETE", None)):
        answer = await owner.ask(method, path, body, if_match='"1"')
        assert (answer.status_code, slug(answer)) == (412, "precondition-failed")
    assert (await owner.call("GET", path))["list"]["entries"] == ["crétin"]


@pytest.mark.parametrize(
    ("wanted", "pointers"),
    [
        ({"entries": ["x", "", "!?"], "fold": "loud"}, ["/list/fold", "/list/entries/1", "/list/entries/2"]),
        ({"kind": "domains", "entries": ["t.me", "no domain"]}, ["/list/entries/1"]),
        ({"kind": "hashes", "entries": [SHA, "abc"], "hash": "sha256"}, ["/list/entries/1"]),
        ({"kind": "shared", "list": "insults"}, ["/list"]),
        ({"kind": "words", "entries": []}, ["/list/kind"]),
        ({}, ["/list"]),
        ({"entries": ["x"] * 100_001}, ["/list/entries"]),
    ],
)
async def test_every_mistake_of_a_list_is_told_with_its_place(fresh, wanted, pointers):
    answer = await fresh[0].owner.ask("POST", PATH, {"code": "l", "title": "L", "list": wanted})
    assert (answer.status_code, slug(answer)) == (422, "invalid")
    assert sorted(error["pointer"] for error in answer.json()["errors"]) == sorted(pointers)


async def test_a_list_of_the_largest_size_is_kept(fresh):
    made = await fresh[0].owner.call("POST", PATH, text(*(f"phrase {number}" for number in range(100_000))), 201)
    assert made["entries"] == 100_000


async def test_a_list_keeps_its_kind_and_its_code_is_its_own(fresh):
    owner, client = fresh[0].owner, fresh[1]
    made = await owner.call("POST", PATH, text("idiot"), 201)
    answer = await owner.ask("PUT", f"{PATH}/{made['id']}", change("t.me", kind="domains"))
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/list/kind")
    for path, status in ((PATH, 409), (f"{client.base}/lists", 201), (f"{client.base}/lists", 409)):
        answer = await owner.ask("POST", path, text("x"))
        assert answer.status_code == status
    assert slug(answer) == "code-taken"


async def test_a_client_never_sees_anothers_lists(fresh):
    agency, client = fresh
    other = await agency.add_client()
    made = await agency.owner.call("POST", f"{client.base}/lists", text("idiot"), 201)
    assert made["client"] == client.id
    for path in (f"{other.base}/lists/{made['id']}", f"{PATH}/{made['id']}"):
        assert (await agency.owner.ask("GET", path)).status_code == 404
    assert (await agency.owner.call("GET", f"{other.base}/lists"))["data"] == []
    assert (await agency.owner.call("GET", PATH))["data"] == []
    answer = await agency.owner.ask("POST", f"{other.base}/rule-sets", {"rule_set": sharing()})
    assert (answer.status_code, slug(answer)) == (422, "invalid-rule-set")
    assert answer.json()["errors"][0]["pointer"] == "/lists/bad/list"
    assert (await agency.owner.ask("POST", f"{client.base}/rule-sets", {"rule_set": sharing()})).status_code == 201


async def test_a_rule_set_is_checked_and_tried_with_the_lists_it_shares(fresh):
    agency, client = fresh
    await agency.owner.call("POST", PATH, text("idiot"), 201)
    misspelt = sharing() | {"lists": {"bad": {"kind": "shared", "list": "insult"}}}
    checked = await agency.owner.call("POST", "/owner/v1/rule-sets/check", {"rule_set": misspelt, "client": client.id})
    assert checked["errors"][0]["hint"] == "did you mean insults?"
    for more in ({}, {"client": client.id}):
        checked = await agency.owner.call("POST", "/owner/v1/rule-sets/check", {"rule_set": sharing()} | more)
        assert checked["valid"], checked
        body = {"rule_set": sharing(), "items": [{"external_id": "x", "text": "Idiot !"}]} | more
        [result] = (await agency.owner.call("POST", "/owner/v1/rule-sets/preview", body))["results"]
        assert result["matched"] == [{"rule": "bad", "mode": "live", "spans": [[0, 5]]}]


async def test_a_change_that_would_break_a_published_rule_set_is_refused_by_its_name(fresh):
    agency, client = fresh
    made = await agency.owner.call("POST", PATH, text("idiot"), 201)
    tests = [{"item": {"text": "idiot"}, "fires": True}]
    await client.publish(sharing(tests=tests))
    answer = await agency.owner.ask("PUT", f"{PATH}/{made['id']}", change("crétin"))
    assert (answer.status_code, slug(answer)) == (422, "breaks-rule-set")
    [error] = answer.json()["errors"]
    assert client.id in error["detail"]
    assert "rule set 1, rules[bad].tests[0]" in error["detail"]
    answer = await agency.owner.ask("POST", f"{client.base}/lists", text("t.me", kind="domains"))
    assert (answer.status_code, slug(answer)) == (422, "breaks-rule-set")
    assert (await agency.owner.call("GET", f"{PATH}/{made['id']}"))["version"] == 1
    await agency.owner.call("PUT", f"{PATH}/{made['id']}", change("idiot", "crétin"))


async def test_a_mistake_that_was_there_before_does_not_keep_a_list_from_changing(world, fresh):
    agency, client = fresh
    made = await agency.owner.call("POST", PATH, text("idiot"), 201)
    await client.publish(sharing())
    await world.fetch("DELETE FROM actions WHERE code = 'remove' AND client_id = $1", parse_id("cli", client.id))
    assert (await agency.owner.ask("POST", f"{client.base}/rule-sets", {"rule_set": sharing()})).status_code == 422
    assert (await agency.owner.call("PUT", f"{PATH}/{made['id']}", change("crétin")))["version"] == 2


async def test_a_list_in_use_stays(fresh):
    agency, client = fresh
    owner = agency.owner
    path = f"{PATH}/{(await owner.call('POST', PATH, text('idiot'), 201))['id']}"
    await client.publish(sharing())
    answer = await owner.ask("DELETE", path)
    assert (answer.status_code, slug(answer)) == (409, "list-in-use")
    assert f"({client.id}) rule set 1" in answer.json()["detail"]
    assert (await owner.call("GET", path))["used_by"] == [{"client": client.id, "version": 1, "state": "published"}]
    await client.publish(make_rules(make_rule("bad", "item.text.contains('x')")))
    assert (await owner.ask("DELETE", path)).status_code == 204
    assert (await owner.ask("GET", path)).status_code == 404
    answer = await owner.ask("POST", f"{client.base}/rule-sets/rollback", {"reason": "back"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/lists/bad/list")
    assert [one["state"] for one in (await owner.call("GET", f"{client.base}/rule-sets"))["data"]] == [
        "retired",
        "published",
    ]


async def test_changes_are_in_the_trail(world, fresh):
    agency, client = fresh
    made = await agency.owner.call("POST", f"{client.base}/lists", text("idiot"), 201)
    path = f"{client.base}/lists/{made['id']}"
    await agency.owner.call("PUT", path, change("crétin"))
    assert (await agency.owner.ask("DELETE", path)).status_code == 204
    rows = await world.fetch(
        "SELECT action, details->>'version' AS version FROM audit_entries WHERE subject = $1 ORDER BY at, id",
        made["id"],
    )
    told = [(row["action"], row["version"]) for row in rows]
    assert told == [("list.created", "1"), ("list.changed", "2"), ("list.deleted", "2")]
