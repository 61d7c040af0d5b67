"""A backtest over what was screened and over labelled items: figures, progress, resuming, calling off."""

import json
from contextlib import suppress
from uuid import UUID

import pytest

from tests.domain.trials.rule_sets import ask, rules, save
from tests.support.desk import ASK_RULES, open_desk, slug
from veilleur.domain.trials.advance import MAX_ATTEMPTS, advance_backtest, mark_backtest
from veilleur.domain.trials.backtests import MAX_WAITING
from veilleur.domain.trials.shelf import Shelf
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

TEXTS = ("fine", "fine", "hello there", "so doubtful", "bad")


class KilledError(Exception):
    """Stands for the end of the process."""


async def fill(desk, texts=TEXTS):
    return [(await desk.receive(text=text))[0] for text in texts]


async def start(desk, version, body=None):
    answer = await ask(desk, version, "backtest", body=body or {})
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


async def work(desk):
    assert await Drains(desk.world.worker).run("backtest", desk.agency_id)


async def look(desk, location):
    return await desk.agency.owner.call("GET", location)


async def step(desk, location, *, batch=2, shelf=None):
    """What a worker does for one batch."""
    database, agency_id = desk.world.worker.database, desk.agency_id
    async with database.transaction(desk.scope) as session:
        marked = await mark_backtest(session, agency_id)
    assert marked is None or marked == read_id("bkt", location.rpartition("/")[2])
    if marked is not None:
        async with database.transaction(desk.scope) as session:
            await advance_backtest(session, agency_id, marked, shelf or Shelf(), batch)


async def test_a_backtest_tells_what_would_have_been_otherwise_and_by_which_rule(world):
    desk = await open_desk(world, ASK_RULES)
    items = await fill(desk)
    location = await start(desk, await save(desk, rules("hello")))
    assert ((await look(desk, location))["state"], (await look(desk, location))["done"]) == ("queued", 0)
    await work(desk)
    found = await look(desk, location)
    assert (found["state"], found["done"], found["total"], found["progress"]) == ("done", 5, 5, 1.0)
    assert (found["version"], found["against"]) == (2, 1)
    assert found["flips"] == [
        {"from": "allow", "to": "remove", "rule_before": None, "rule_after": "bad", "count": 1},
        {"from": "remove", "to": "allow", "rule_before": "bad", "rule_after": None, "count": 1},
    ]
    assert found["outcomes"]["before"] == {"allow": 3, "escalate": 1, "restrict": 0, "remove": 1}
    assert found["outcomes"]["after"] == {"allow": 3, "escalate": 1, "restrict": 0, "remove": 1}
    samples = {sample["item"]: sample for sample in found["samples"]}
    assert set(samples) == {items[2], items[4]}
    flipped = samples[items[2]]
    assert (flipped["before"]["verdict"], flipped["after"]["verdict"], flipped["spans"]) == (
        "allow",
        "remove",
        [[0, 5]],
    )
    assert "there" not in json.dumps(found)


async def test_removals_are_held_against_what_people_decided(world):
    desk = await open_desk(world, ASK_RULES, capacity=10)
    await desk.receive(text="doubtful offer")
    await desk.receive(text="doubtful greeting")
    held = await desk.moderator.take(2)
    for one in held:
        bad = "offer" in one["item"]["text"]
        verdict = {"verdict": "remove", "policies": ["spam"]} if bad else {"verdict": "allow"}
        assert (await desk.moderator.decide(one, **verdict)).status_code == 201
    location = await start(desk, await save(desk, rules("doubtful")))
    await work(desk)
    after = (await look(desk, location))["against_people"]["after"]
    assert (after["judged"], after["precision"]["value"], after["recall"]["value"]) == (2, 0.5, 1.0)
    assert after["precision"]["interval"] == [pytest.approx(0.0945, abs=1e-3), pytest.approx(0.9055, abs=1e-3)]


async def test_the_work_it_would_add_is_told_in_cases_and_hours(world):
    desk = await open_desk(world, ASK_RULES)
    held = await desk.take_one(text="doubtful")
    await desk.moderator.decide(held)
    await desk.fetch("SELECT 1 FROM usage_records WHERE agency_id = $1 AND meter = 'review.seconds'")
    await fill(desk, ("hello", "hello", "fine"))
    asking = rules()
    asking["lists"]["doubts"]["entries"] = ["doubtful", "hello"]
    location = await start(desk, await save(desk, asking))
    await work(desk)
    load = (await look(desk, location))["workload"]
    assert (load["cases_before"], load["cases_after"], load["cases_added"]) == (1, 3, 2)
    assert load["added_by"] == [{"queue": "default", "priority": "high", "before": 1, "after": 3}]
    assert load["median_review_s"] is not None


async def test_a_killed_worker_costs_a_batch_and_changes_no_figure(world):
    desk = await open_desk(world, ASK_RULES)
    await fill(desk)
    version = await save(desk, rules("hello"))
    whole = await start(desk, version)
    await work(desk)
    pieces = await start(desk, version)
    await step(desk, pieces)
    assert ((await look(desk, pieces))["state"], (await look(desk, pieces))["done"]) == ("running", 2)
    with suppress(KilledError):
        async with world.worker.database.transaction(desk.scope) as session:
            await advance_backtest(session, desk.agency_id, read_id("bkt", pieces.rpartition("/")[2]), Shelf(), 2)
            raise KilledError
    assert (await look(desk, pieces))["done"] == 2
    await work(desk)
    compared = [
        {name: value for name, value in (await look(desk, one)).items() if name not in _OWN} for one in (whole, pieces)
    ]
    assert compared[0] == compared[1]


_OWN = {"id", "created_at", "started_at", "finished_at", "to"}


async def test_one_that_kills_its_worker_again_and_again_ends_as_failed(world):
    desk = await open_desk(world, ASK_RULES)
    await fill(desk)
    location = await start(desk, await save(desk, rules("hello")))
    for _ in range(MAX_ATTEMPTS):
        async with world.worker.database.transaction(desk.scope) as session:
            assert await mark_backtest(session, desk.agency_id) is not None
    await work(desk)
    assert (await look(desk, location))["state"] == "failed"


async def test_a_cancelled_one_stops_where_it_is(world):
    desk = await open_desk(world, ASK_RULES)
    await fill(desk)
    location = await start(desk, await save(desk, rules("hello")))
    await step(desk, location)
    cancelled = await desk.agency.owner.call("POST", f"{location}/cancel")
    assert cancelled["state"] == "cancelled"
    await work(desk)
    assert ((await look(desk, location))["state"], (await look(desk, location))["done"]) == ("cancelled", 2)
    done = await start(desk, 2)
    await work(desk)
    assert slug(await desk.agency.owner.ask("POST", f"{done}/cancel")) == "conflict"


async def test_items_and_instants_bound_what_is_looked_at(world):
    desk = await open_desk(world, ASK_RULES)
    await fill(desk)
    version = await save(desk, rules("hello"))
    (middle,) = await desk.fetch(
        "SELECT evaluated_at FROM evaluations WHERE agency_id = $1 ORDER BY 1 OFFSET 2 LIMIT 1"
    )
    at = middle["evaluated_at"].isoformat()
    newest, since, until = [await start(desk, version, body) for body in ({"items": 2}, {"from": at}, {"to": at})]
    await work(desk)
    assert [(await look(desk, one))["done"] for one in (newest, since, until)] == [2, 3, 3]
    assert [(await look(desk, one))["total"] for one in (newest, since, until)] == [2, 3, 3]


@pytest.mark.parametrize("as_lines", [False, True])
async def test_labelled_items_are_tried_as_sent_and_forgotten_afterwards(world, as_lines):
    desk = await open_desk(world, ASK_RULES)
    labelled = [
        {"item": {"external_id": "a", "text": "hello bad"}, "label": "remove"},
        {"item": {"external_id": "b", "text": "hello"}, "label": "allow"},
        {"item": {"external_id": "c", "text": "vile"}, "label": "remove"},
    ]
    sent = "\n".join(json.dumps(one) for one in labelled) + "\n" if as_lines else labelled
    location = await start(desk, await save(desk, rules("hello")), {"labelled": sent})
    assert await desk.count("backtest_items") == 3
    await work(desk)
    found = await look(desk, location)
    assert (found["kind"], found["done"], found["state"]) == ("labelled", 3, "done")
    assert found["against_people"]["after"]["precision"]["value"] == 0.5
    assert found["against_people"]["before"]["precision"]["value"] == 1.0
    assert [sample["external_id"] for sample in found["samples"]] == ["b"]
    assert await desk.count("backtest_items") == 0


async def test_a_client_without_rules_is_tried_against_its_people(world):
    desk = await open_desk(world)
    await fill(desk, ("fine", "bad"))
    location = await start(desk, await save(desk, ASK_RULES))
    await work(desk)
    found = await look(desk, location)
    assert (found["against"], found["outcomes"]["before"]["escalate"], found["flipped"]) == (None, 2, 2)
    assert found["workload"]["cases_added"] == -2


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"items": 0}, ["/items"]),
        ({"items": 1_000_001}, ["/items"]),
        ({"labelled": []}, ["/labelled"]),
        ({"labelled": "not json\n{}"}, ["/labelled", "/labelled/1"]),
        (
            {"labelled": [{"item": {"text": "x"}, "label": "nice"}]},
            ["/labelled/0/label", "/labelled/0/item/external_id"],
        ),
        ({"labelled": [{"item": 3, "label": "allow"}, {}]}, ["/labelled/0/item", "/labelled/1"]),
    ],
)
async def test_every_mistake_is_told_with_its_place(world, body, pointers):
    desk = await open_desk(world, ASK_RULES)
    answer = await ask(desk, 1, "backtest", body=body)
    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == pointers


async def test_a_span_that_ends_before_it_begins_or_has_no_zone_is_refused(world):
    desk = await open_desk(world, ASK_RULES)
    for body in (
        {"from": "2026-11-22T10:00:00Z", "to": "2026-11-22T09:00:00Z"},
        {"from": "2026-11-22T10:00:00"},
        {"labelled": [], "items": 5},
    ):
        assert (await ask(desk, 1, "backtest", body=body)).status_code == 422


async def test_nobody_queues_more_than_the_agency_can_wait_for(world):
    desk = await open_desk(world, ASK_RULES)
    for _ in range(MAX_WAITING):
        await start(desk, 1)
    assert (await ask(desk, 1, "backtest", body={})).status_code == 429


async def test_a_backtest_is_found_under_its_version_only(world):
    desk = await open_desk(world, ASK_RULES)
    version = await save(desk, rules("hello"))
    location = await start(desk, version)
    listed = (await look(desk, location.rpartition("/")[0]))["data"]
    assert [one["id"] for one in listed] == [location.rpartition("/")[2]]
    assert (await desk.agency.owner.ask("GET", location.replace("/2/", "/1/"))).status_code == 404
    assert UUID(int=read_id("bkt", listed[0]["id"]).int)
