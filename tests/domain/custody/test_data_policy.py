"""A client's data policy: who sees its content, how long it is kept, and what keeps it longer."""

from datetime import timedelta

import pytest

from tests.domain.custody.canary import find_canary
from tests.support.desk import ASK_RULES, Desk, open_desk
from tests.support.people import Json, unique
from veilleur.domain.custody.terms import TERMS, read_terms
from veilleur.kernel.errors import Invalid
from veilleur_worker.drains import Drains


@pytest.fixture
async def desk(world):
    return await open_desk(world, ASK_RULES)


async def put(desk: Desk, body: Json, status: int = 200, **headers: str) -> Json:
    return await desk.agency.owner.call("PUT", f"{desk.client.base}/data-policy", body, status, **headers)


async def let_time_pass(desk: Desk, **time: int) -> None:
    await desk.world.move_clock(timedelta(**time))
    assert await Drains(desk.world.worker).run("retention", desk.agency_id)


def test_what_is_left_out_has_its_default_and_all_mistakes_are_told_at_once():
    assert read_terms({"events": 14}) == {kind: term.default for kind, term in TERMS.items()} | {"events": 14}
    with pytest.raises(Invalid) as refused:
        read_terms({"events": 0, "decision_texts": 4_000, "gossip": 1})
    assert {error.pointer for error in refused.value.errors} == {
        "/retention_days/events", "/retention_days/decision_texts", "/retention_days/gossip",
    }  # fmt: skip
    for term in TERMS.values():
        assert 1 <= term.floor <= term.default <= term.ceiling


async def test_nobody_sees_the_content_until_allowed_and_the_providers_are_asked_by_this_list(desk):
    owner = desk.agency.owner
    name = unique("p").replace("-", "_")
    made = await owner.call("POST", "/owner/v1/providers", {"kind": "openai", "name": name, "clients": []}, 201)
    assert (await owner.call("GET", f"{desk.client.base}/data-policy"))["providers"] == []
    assert (await put(desk, {"providers": [name]}))["providers"] == [name]
    assert (await owner.call("GET", f"/owner/v1/providers/{made['id']}"))["clients"] == [desk.client.id]
    assert (await put(desk, {"providers": []}))["providers"] == []
    assert (await owner.call("GET", f"/owner/v1/providers/{made['id']}"))["clients"] == []
    refused = await owner.ask("PUT", f"{desk.client.base}/data-policy", {"providers": ["nobody"]})
    assert [error["pointer"] for error in refused.json()["errors"]] == ["/providers/0"]


async def test_two_owners_do_not_overwrite_each_other_and_what_changed_is_in_the_trail(desk):
    owner = desk.agency.owner
    first = await owner.ask("GET", f"{desk.client.base}/data-policy")
    etag = first.headers["etag"]
    await put(desk, {"providers": [], "retention_days": {"events": 10}}, if_match=etag)
    stale = await owner.ask("PUT", f"{desk.client.base}/data-policy", {"providers": []}, if_match=etag)
    assert stale.status_code == 412
    [entry] = (await owner.call("GET", "/owner/v1/audit?action=data_policy.changed"))["data"]
    assert entry["details"]["retention_days"] == {"events": {"from": 30, "to": 10}}


async def test_leads_read_it_and_only_owners_change_it(desk):
    lead = await desk.agency.add_moderator(roles=["lead"])
    assert (await lead.ask("GET", f"{desk.client.base}/data-policy")).status_code == 200
    assert (await lead.ask("PUT", f"{desk.client.base}/data-policy", {"providers": []})).status_code == 403


async def test_texts_go_when_their_term_is_over_and_the_verdict_and_its_author_stay(desk):
    canary = unique("canary")
    author = {"author": {"external_id": "u_1", "display_name": canary}}
    sent = await desk.client.accept(f"bad {canary}", external_id="c_1", **author)
    await desk.world.drain()
    await put(desk, {"providers": [], "retention_days": {"item_text": 30, "evaluations": 30, "events": 7}})
    await let_time_pass(desk, days=29)
    assert "items.body" in await find_canary(desk.world, canary)
    await let_time_pass(desk, days=31)
    assert await find_canary(desk.world, canary) == {}
    seen = await desk.client.look(sent["id"])
    assert (seen["state"], seen["decision"]["verdict"]) == ("decided", "remove")
    [row] = await desk.fetch("SELECT author_external_id, expired_at IS NULL AS fresh FROM items WHERE agency_id = $1")
    assert (row["author_external_id"], row["fresh"]) == ("u_1", False)
    answer = await desk.client.send({"external_id": "c_1", "text": f"bad {canary}"} | author)
    assert answer.json()["items"][0]["status"] == "duplicate"


async def test_what_waits_for_a_person_or_is_under_a_hold_keeps_all_it_says(desk):
    await put(desk, {"providers": [], "retention_days": {"item_text": 30, "evaluations": 30}})
    held = await desk.take_one(text="doubtful, severe")
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    await desk.moderator.caller.call("POST", path, {"fence": held["fence"], "class": "csam"}, 200)
    await desk.receive(text="doubtful, waiting")
    await let_time_pass(desk, days=800)
    rows = await desk.fetch("SELECT body FROM items WHERE agency_id = $1 ORDER BY id")
    assert ["severe" in rows[0]["body"], "waiting" in rows[1]["body"]] == [True, True]
    # The one under a hold keeps what the rules saw as well; of the one that waits that was past keeping.
    assert await desk.count("evaluations") == 1


async def test_each_client_has_its_own_terms(desk):
    await put(desk, {"providers": [], "retention_days": {"receipts": 7, "events": 7}})
    other = await desk.agency.add_client(ASK_RULES)
    await desk.receive(text="bad")
    await desk.receive(client=other, text="bad")
    await let_time_pass(desk, days=8)
    for kept in ("webhook_receipts WHERE true", "events WHERE body IS NOT NULL"):
        rows = await desk.fetch(f"SELECT client_id FROM {kept} AND agency_id = $1 AND client_id IS NOT NULL")
        assert len({row["client_id"] for row in rows}) == 1, kept


async def test_how_long_events_are_kept_is_one_value_with_two_doors(desk):
    """The client's document calls it `payload_days`."""
    owner, path = desk.agency.owner, f"{desk.client.base}/data-policy"

    async def read() -> tuple[int, int]:
        policy, client = await owner.call("GET", path), await owner.call("GET", desk.client.base)
        return policy["retention_days"]["events"], client["payload_days"]

    assert await read() == (30, 30)
    tags = [(await owner.ask("GET", one)).headers["etag"] for one in (path, desk.client.base)]
    await owner.call("PATCH", desk.client.base, {"payload_days": 3}, 200)
    assert await read() == (3, 3)
    await put(desk, {"providers": [], "retention_days": {"events": 9, "receipts": 7}})
    assert await read() == (9, 9)
    for one, tag in zip((path, desk.client.base), tags, strict=True):
        assert (await owner.ask("GET", one)).headers["etag"] != tag
    stale = await owner.ask("PATCH", desk.client.base, {"payload_days": 4}, if_match=tags[1])
    assert stale.status_code == 412
    entries = (await owner.call("GET", "/owner/v1/audit?action=data_policy.changed"))["data"]
    changes = [entry["details"]["retention_days"]["events"] for entry in entries]
    assert sorted(changes, key=lambda one: one["to"]) == [{"from": 30, "to": 3}, {"from": 3, "to": 9}]
    [row] = await desk.fetch("SELECT retention_days FROM data_policies WHERE agency_id = $1")
    assert '"events"' not in row["retention_days"]


async def test_events_that_are_past_keeping_say_nothing_and_their_deliveries_are_still_told(desk):
    await desk.client.add_endpoint("http://127.0.0.1:9/hook")
    await desk.receive(text="bad")
    await put(desk, {"providers": [], "retention_days": {"events": 1}})
    await let_time_pass(desk, days=2)
    assert await desk.count("events", "client_id IS NOT NULL AND body IS NULL") == 0  # still owed
    await desk.fetch("UPDATE deliveries SET state = 'dead', due_at = NULL WHERE agency_id = $1")
    await let_time_pass(desk, days=3)
    assert await desk.count("events", "client_id IS NOT NULL AND body IS NULL") == await desk.count("deliveries") == 1
    await let_time_pass(desk, days=31)
    assert await desk.count("events", "client_id IS NOT NULL") == await desk.count("deliveries") == 0


async def test_what_was_said_with_a_decision_goes_after_its_own_term(desk):
    held = await desk.take_one(text="doubtful")
    assert (
        await desk.moderator.decide(held, "remove", policies=["spam"], explanation="why", note="n")
    ).status_code == 201
    await put(desk, {"providers": [], "retention_days": {"decision_texts": 180}})
    await let_time_pass(desk, days=181)
    [row] = await desk.fetch("SELECT verdict, explanation, note FROM decisions WHERE agency_id = $1")
    assert tuple(row) == ("remove", None, None)
