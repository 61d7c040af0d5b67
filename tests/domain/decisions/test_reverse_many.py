"""The bad rule: what it did is taken back in a job, whatever happens to the worker, and what people said stays."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from tests.support.desk import ASK_RULES, open_desk, refused_decisions, slug
from veilleur.domain.decisions.reverse_many import advance_reversal
from veilleur.kernel.ids import read_id
from veilleur_worker import chores

ALL_TIME = "from=2020-01-01&to=2040-01-01"
NOTHING_SKIPPED = {"overruled_by_person": 0, "already_reversed": 0, "item_changed": 0, "erased": 0}


async def rehearse(desk, **wanted):
    body = {"filter": {"client": desk.client.id} | wanted, "dry_run": True}
    return await desk.agency.owner.call("POST", "/owner/v1/reversals", body, 200)


async def start(desk, **wanted):
    body = {"filter": {"client": desk.client.id} | wanted}
    answer = await desk.agency.owner.ask("POST", "/owner/v1/reversals", body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"/owner/v1/reversals/{answer.json()['id']}"
    return answer.json()["id"]


async def progress(desk, job):
    return await desk.agency.owner.call("GET", f"/owner/v1/reversals/{job}", status=200)


async def verdicts(desk, items):
    return [(await desk.client.look(item))["decision"]["verdict"] for item in items]


async def one_batch(desk, limit):
    async with desk.world.worker.database.transaction(desk.scope) as session:
        return await advance_reversal(session, desk.agency_id, limit)


async def report(desk, external_id, reporter="u_2"):
    said = {"source": "user", "reason": "insult", "reporter": {"external_id": reporter}}
    await desk.client.send({"external_id": external_id, "report": said}, "item.reported")
    await desk.world.drain()


async def test_a_dry_run_tells_how_much_by_rule_and_by_action_and_changes_nothing(world):
    desk = await open_desk(world, ASK_RULES)
    items = await desk.receive(3, text="bad")
    await desk.receive(text="fine")
    before = await desk.count("decisions")
    told = await rehearse(desk, version=1, rules=["bad"])
    assert (told["count"], told["skipped"]) == (3, NOTHING_SKIPPED)
    assert (told["by_rule"], told["by_action"]) == ({"bad": 3}, {"remove": 3})
    assert {sample["item"] for sample in told["samples"]} == set(items)
    assert told["samples"][0]["rule"] == "bad"
    for nothing in ({"version": 2}, {"rules": ["doubts"]}, {"to": "2020-01-01T00:00:00Z"}):
        assert (await rehearse(desk, **nothing))["count"] == 0
    assert await desk.count("decisions") == before
    assert await desk.count("reversal_jobs") == 0


async def test_a_job_takes_everything_back_and_off_the_bill(world):
    desk = await open_desk(world, ASK_RULES)
    items = await desk.receive(3, text="bad", author={"external_id": "u_1"})
    [fine] = await desk.receive(text="fine")
    job = await start(desk, rules=["bad"])
    await desk.world.drain()
    told = await progress(desk, job)
    assert (told["state"], told["total"], told["done"], told["skipped"]) == ("finished", 3, 3, NOTHING_SKIPPED)
    assert told["filter"]["rules"] == ["bad"]
    assert await verdicts(desk, [*items, fine]) == ["allow"] * 4
    assert await desk.count("events", "type = 'decision.reversed'") == 3
    assert await desk.count("decisions", "verdict <> 'allow' AND reversed_by IS NULL") == 0
    usage = await desk.agency.owner.call("GET", f"/owner/v1/usage?{ALL_TIME}&client={desk.client.id}", status=200)
    assert {row["meter"]: row["quantity"] for row in usage["data"]}["decision.auto"] == "1"
    assert (await rehearse(desk, rules=["bad"]))["skipped"]["already_reversed"] == 3
    listed = await desk.agency.owner.call("GET", "/owner/v1/reversals", status=200)
    assert [one["id"] for one in listed["data"]] == [job]


async def test_what_people_said_since_and_what_was_edited_since_is_left_alone(world):
    desk = await open_desk(world, ASK_RULES | {"rules": [*ASK_RULES["rules"], HIDDEN]})
    [first] = await desk.receive(text="ugly", external_id="c_1")
    await desk.client.send({"external_id": "c_1", "text": "doubtful"})
    await desk.world.drain()
    [second] = await desk.receive(text="ugly", external_id="c_2")
    await desk.client.publish(ASK_RULES | {"fallback": {"verdict": "allow"}, "name": "later"})
    await report(desk, "c_2")
    held = next(one for one in await desk.moderator.take(2) if one["item"]["id"] == second)
    assert (await desk.moderator.decide(held, "remove", policies=["insult"])).status_code == 201
    job = await start(desk)
    await desk.world.drain()
    told = await progress(desk, job)
    assert (told["done"], told["skipped"]) == (0, NOTHING_SKIPPED | {"overruled_by_person": 1, "item_changed": 1})
    assert (await desk.client.look(second))["decision"]["verdict"] == "remove"
    assert (await desk.client.look(first))["state"] == "in_review"


HIDDEN = {
    "id": "ugly",
    "title": "Hidden",
    "mode": "live",
    "severity": 5,
    "when": {"all": ["item.text.contains('ugly')"]},
    "then": {"verdict": "restrict", "actions": [{"code": "hide", "target": "item"}], "policies": ["insult"]},
}


async def test_all_that_rules_decided_about_one_revision_is_taken_back(world):
    desk = await open_desk(world, ASK_RULES | {"rules": [*ASK_RULES["rules"], HIDDEN]})
    [item] = await desk.receive(text="ugly", external_id="c_1")
    await report(desk, "c_1")
    assert await desk.count("decisions", "verdict = 'restrict'") == 2
    job = await start(desk, rules=["ugly"])
    await desk.world.drain()
    assert (await progress(desk, job))["done"] == 2
    assert await desk.count("decisions", "verdict = 'restrict' AND reversed_by IS NULL") == 0
    assert await verdicts(desk, [item]) == ["allow"]


async def test_a_job_that_dies_in_a_batch_goes_on_where_it_was(world):
    desk = await open_desk(world, ASK_RULES)
    items = await desk.receive(5, text="bad")
    job = await start(desk)
    assert await one_batch(desk, 2)
    async with refused_decisions(desk, at_commit=True):
        with pytest.raises(DBAPIError):
            await one_batch(desk, 2)
    assert (await progress(desk, job))["done"] == 2
    await desk.world.move_clock(timedelta(seconds=2))
    await desk.world.drain()
    told = await progress(desk, job)
    assert (told["state"], told["done"], told["skipped"]) == ("finished", 5, NOTHING_SKIPPED)
    assert await verdicts(desk, items) == ["allow"] * 5
    assert await desk.count("decisions", "cause = 'rule'") == 5


async def test_two_workers_take_back_each_decision_once(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(6, text="bad")
    first, second = await start(desk), await start(desk)
    while any(await asyncio.gather(*(one_batch(desk, 2) for _ in range(3)))):
        pass
    done = [await progress(desk, job) for job in (first, second)]
    assert {one["state"] for one in done} == {"finished"}
    assert sum(one["done"] for one in done) == 6
    assert sum(one["skipped"]["already_reversed"] for one in done) == 6
    assert await desk.count("decisions", "cause = 'rule'") == 6


async def test_a_cancelled_job_stops_and_what_it_did_stays(world, monkeypatch):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(4, text="bad")
    job = await start(desk)
    await one_batch(desk, 1)
    path = f"/owner/v1/reversals/{job}/cancel"
    told = [await desk.agency.owner.call("POST", path, status=200) for _ in range(2)]
    assert [(one["state"], one["done"]) for one in told] == [("cancelled", 1)] * 2
    monkeypatch.setattr(chores, "REVERSAL_BATCH", 1)
    await desk.world.drain()
    assert await desk.count("decisions", "cause = 'rule'") == 1
    actions = await desk.fetch("SELECT action FROM audit_entries WHERE agency_id = $1 AND action LIKE 'reversal.%'")
    assert sorted(row["action"] for row in actions) == ["reversal.cancelled", "reversal.started"]


async def test_what_is_decided_after_the_job_began_is_not_its_business(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.receive(text="bad")
    job = await start(desk)
    await desk.receive(text="bad")
    await desk.world.drain()
    assert (await progress(desk, job))["done"] == 1


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"client": "cli_nobody"}, "/filter/client"),
        ({"version": 0}, "/filter/version"),
        ({"rules": []}, "/filter/rules"),
        ({"from": "2040-01-01T00:00:00Z"}, "/filter/from"),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, "/filter/from"),
        ({"to": "yesterday"}, "/filter/to"),
        ({"rule": "bad"}, "/filter/rule"),
    ],
)
async def test_a_filter_that_says_nothing_is_refused(world, wanted, pointer):
    desk = await open_desk(world)
    body = {"filter": {"client": desk.client.id} | wanted}
    answer = await desk.agency.owner.ask("POST", "/owner/v1/reversals", body)
    assert (answer.status_code, [one["pointer"] for one in answer.json()["errors"]]) == (422, [pointer])
    missing = await desk.agency.owner.ask("GET", f"/owner/v1/reversals/{desk.client.id}")
    assert (missing.status_code, slug(missing)) == (404, "not-found")
    assert read_id("cli", desk.client.id)
