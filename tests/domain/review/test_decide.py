"""Deciding: fenced, checked, safe to repeat, true in all its effects or in none."""

import asyncio
import random
import time
from contextlib import asynccontextmanager
from datetime import timedelta
from decimal import Decimal

import asyncpg
import pytest

from tests.support.desk import ASK_RULES, open_desk, refused_decisions, slug
from tests.support.people import unique
from veilleur.kernel.ids import read_id
from veilleur_worker.drains import Drains

REMOVE = {"verdict": "remove", "actions": [{"code": "remove"}], "policies": ["insult"]}
EFFECTS = ("decisions", "usage_records", "audit_entries", "events", "deliveries", "sla_events")


async def edit(desk, external_id, text):
    answer = await desk.client.send({"external_id": external_id, "text": text})
    assert answer.json()["items"][0]["status"] == "accepted"


async def sum_seconds(desk):
    rows = await desk.fetch("SELECT quantity FROM usage_records WHERE agency_id = $1 AND meter = 'review.seconds'")
    return sum(row["quantity"] for row in rows)


async def count_effects(desk):
    return {table: await desk.count(table) for table in EFFECTS}


# --- Once, whatever is sent again


async def test_a_decision_is_made_and_the_client_sees_it(world):
    desk = await open_desk(world)
    held = await desk.take_one(text="Imbécile", language="fr")
    answer = await desk.moderator.decide(held, explanation="Une insulte.", **REMOVE)
    assert answer.status_code == 201
    made = answer.json()
    item = await desk.client.look(held["item"]["id"])
    assert (item["state"], item["decision"]["id"], item["case"]["state"]) == ("decided", made["id"], "decided")
    assert item["decision"]["automated"] is False
    assert item["decision"]["policies"] == ["insult"]
    assert item["decision"]["reason"] == {"text": "Une insulte.", "language": "fr", "ground": "terms"}
    assert (await desk.moderator.claim())["assignments"] == []


async def test_the_same_decision_again_is_the_same_decision(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    first = await desk.moderator.decide(held, **REMOVE)
    before = await count_effects(desk)
    again = await desk.moderator.decide(held, **REMOVE)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert await count_effects(desk) == before


async def test_the_same_decision_many_times_at_once_is_made_once(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    answers = await asyncio.gather(*(desk.moderator.decide(held, **REMOVE) for _ in range(6)))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [201]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await desk.count("decisions") == 1


@pytest.mark.parametrize("other", [{"verdict": "allow"}, REMOVE | {"note": "x"}, REMOVE | {"policies": ["spam"]}])
async def test_another_decision_on_a_decided_case_is_refused(world, other):
    desk = await open_desk(world)
    held = await desk.take_one()
    await desk.moderator.decide(held, **REMOVE)
    answer = await desk.moderator.decide(held, **other)
    assert (answer.status_code, slug(answer)) == (409, "already-decided")
    assert (await desk.client.look(held["item"]["id"]))["decision"]["verdict"] == "remove"


async def test_a_repetition_is_known_however_the_body_is_spelled(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    suspend = {"code": "suspend", "target": "author", "until": "2030-01-01T00:00:00Z"}
    first = await desk.moderator.decide(held, "restrict", actions=[suspend])
    spelled = suspend | {"text": None}
    again = await desk.moderator.decide(held, "restrict", actions=[spelled], policies=[], hold=1)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["id"] == first.json()["id"]


async def test_hold_brings_the_next_case_with_the_decision(world):
    desk = await open_desk(world)
    _, second = await desk.receive(2)
    [held] = await desk.moderator.take()
    answer = (await desk.moderator.decide(held, hold=1)).json()
    assert [one["item"]["id"] for one in answer["assignments"]] == [second]
    assert answer["verdict"] == "allow"
    repeated = (await desk.moderator.decide(held, hold=1)).json()
    assert [one["id"] for one in repeated["assignments"]] == [one["id"] for one in answer["assignments"]]
    ruled = {"policies": ["threat"], "hold": 1}
    last = (await desk.moderator.decide(answer["assignments"][0], "remove", **ruled)).json()
    assert (last["assignments"], last["hold_reason"]) == ([], "empty")
    assert "Menace de violence" in last["reason"]["text"]


# --- The item moves under the moderator's hands


async def test_an_edit_refuses_the_old_revision_shows_the_new_one_and_keeps_the_lease(world):
    desk = await open_desk(world)
    name = unique("c")
    held = await desk.take_one(external_id=name, text="first words")
    await edit(desk, name, "other words")
    for screened in (False, True):
        if screened:
            await world.drain()
        answer = await desk.moderator.decide(held)
        assert (answer.status_code, slug(answer)) == (409, "item-changed")
        shown = answer.json()["item"]
        assert (shown["revision"], shown["text"]) == (2, "other words")
    [beat] = await desk.moderator.beat(held)
    assert (beat["id"], beat["item_revision"]) == (held["id"], 2)
    [renewed] = await desk.moderator.list_held()
    assert (renewed["fence"], renewed["item"]["text"]) == (held["fence"], "other words")
    assert (await desk.moderator.decide(renewed)).status_code == 201
    assert await desk.count("decisions") == await desk.count("cases") == 1


async def test_a_new_revision_may_be_decided_before_it_is_screened_and_stays_decided(world):
    desk = await open_desk(world)
    name = unique("c")
    held = await desk.take_one(external_id=name)
    await edit(desk, name, "other words")
    held["item"]["revision"] = 2
    assert (await desk.moderator.decide(held)).status_code == 201
    await world.drain()
    assert (await desk.client.look(held["item"]["id"]))["state"] == "decided"
    assert await desk.count("decisions") == await desk.count("cases") == 1


async def test_an_edit_that_the_rules_decide_withdraws_the_case(world):
    desk = await open_desk(world, ASK_RULES)
    name = unique("c")
    held = await desk.take_one(external_id=name, text="doubtful")
    await edit(desk, name, "bad")
    await world.drain()
    for answer in (await desk.moderator.decide(held), await desk.moderator.release(held)):
        assert (answer.status_code, slug(answer)) == (409, "item-withdrawn")
    [beat] = await desk.moderator.beat(held)
    assert slug(beat["problem"]) == "item-withdrawn"
    assert await desk.moderator.list_held() == []
    item = await desk.client.look(held["item"]["id"])
    assert (item["decision"]["automated"], item["decision"]["verdict"], item["case"]["state"]) == (
        True,
        "remove",
        "withdrawn",
    )
    assert await desk.count("assignments", "outcome = 'withdrawn'") == 1
    assert await desk.count("usage_records", "meter = 'decision.human'") == 0


async def test_an_edit_after_the_decision_opens_the_question_again(world):
    desk = await open_desk(world)
    name = unique("c")
    held = await desk.take_one(external_id=name)
    await desk.moderator.decide(held, **REMOVE)
    await edit(desk, name, "better words")
    await world.drain()
    [again] = await desk.moderator.take()
    assert again["item"]["revision"] == 2
    assert again["case"]["id"] != held["case"]["id"]
    assert (await desk.moderator.decide(again)).status_code == 201
    sequences = await desk.fetch("SELECT sequence, verdict FROM decisions WHERE agency_id = $1 ORDER BY sequence")
    assert [tuple(row) for row in sequences] == [(1, "remove"), (2, "allow")]
    assert (await desk.moderator.decide(held, **REMOVE)).status_code == 200


async def test_deciding_and_screening_an_edit_never_wait_for_each_other_in_a_circle(world):
    desk = await open_desk(world)
    name = unique("c")
    held = await desk.take_one(external_id=name)
    await edit(desk, name, "other words")
    async with paused(desk, "cases"):
        deciding = asyncio.create_task(desk.moderator.decide(held | {"item": {"revision": 2}}))
        await someone_waits(desk)
        # It finds the item taken and passes over it; a screening that waited would do so for five seconds.
        async with asyncio.timeout(4):
            await Drains(world.worker).run("screening", desk.agency_id)
    assert (await deciding).status_code == 201


@asynccontextmanager
async def paused(desk, table):
    """Hold the locks of all rows of the agency in a table."""
    connection = await asyncpg.connect(desk.world.admin_url)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(f"SELECT 1 FROM {table} WHERE agency_id = '{desk.agency_id}' FOR UPDATE")
        yield
    finally:
        await transaction.rollback()
        await connection.close()


async def someone_waits(desk):
    query = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not await desk.world.fetch(query):  # noqa: ASYNC110 - the database tells nobody
        await asyncio.sleep(0.01)


# --- What may be decided

MISFITS = [
    ({"policies": ["spam", "nonsense"]}, "/policies/1", "harassment, hate"),
    ({"actions": [{"code": "explode"}]}, "/actions/0/code", "hide, remove, suspend, warn"),
    ({"actions": [{"code": "hide", "target": "author"}]}, "/actions/0/target", "item"),
    ({"actions": [{"code": "suspend", "target": "author"}]}, "/actions/0/until", "RFC 3339"),
    ({"verdict": "allow", "actions": [{"code": "hide"}]}, "/actions/0/code", "restrict"),
    ({"verdict": "restrict", "actions": [{"code": "hide"}, {"code": "remove"}]}, "/actions/1/code", "remove"),
    ({"macro": "nope"}, "/macro", "this client has no macros"),
]


@pytest.mark.parametrize(("body", "pointer", "allowed"), MISFITS)
async def test_what_is_outside_the_catalogue_is_refused_and_told_what_is_allowed(world, body, pointer, allowed):
    desk = await open_desk(world)
    held = await desk.take_one()
    answer = await desk.moderator.decide(held, **{"verdict": "restrict"} | body)
    assert (answer.status_code, slug(answer)) == (422, "not-in-catalogue")
    [error] = answer.json()["errors"]
    assert error["pointer"] == pointer
    assert allowed in error["hint"]
    assert await desk.count("decisions") == 0
    assert (await desk.moderator.decide(held)).status_code == 201


async def test_all_mistakes_are_told_at_once(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    actions = [{"code": "explode"}, {"code": "suspend", "target": "item"}]
    answer = await desk.moderator.decide(held, "allow", policies=["nonsense"], actions=actions)
    pointers = [error["pointer"] for error in answer.json()["errors"]]
    assert pointers == [
        "/policies/0",
        "/actions/0/code",
        "/actions/1/target",
        "/actions/1/code",
        "/actions/1/until",
    ]


async def test_another_clients_catalogue_does_not_count(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    policy = {"code": "only-there", "title": "Only there"}
    await desk.agency.owner.call("POST", f"{other.base}/policies", policy, 201)
    await desk.receive()
    await desk.receive(client=other)
    mine, theirs = await desk.moderator.take(2)
    assert (await desk.moderator.decide(mine, policies=["only-there"])).status_code == 422
    assert (await desk.moderator.decide(theirs, policies=["only-there"])).status_code == 201


async def test_the_note_never_leaves_the_agency(world):
    desk = await open_desk(world)
    await desk.client.add_endpoint("http://127.0.0.1:9/")
    held = await desk.take_one()
    await desk.moderator.note(held, "NOTE-TO-COLLEAGUES", "case")
    made = await desk.moderator.decide(held, note="NOTE-OF-DECISION", explanation="WORD-TO-AUTHOR", **REMOVE)
    assert made.json()["note"] == "NOTE-OF-DECISION"
    bodies = [row["body"] for row in await desk.fetch("SELECT body FROM events WHERE agency_id = $1")]
    seen = "".join([*bodies, str(await desk.client.look(held["item"]["id"]))])
    assert "WORD-TO-AUTHOR" in bodies[-1] + bodies[0]
    assert "NOTE-" not in seen


# --- Seconds


async def test_with_two_cases_in_hand_no_second_is_counted_twice(world):
    desk = await open_desk(world)
    await desk.receive(3)
    first, second = await desk.moderator.take(2)
    await world.move_clock(timedelta(seconds=60))
    await desk.moderator.decide(second)
    await world.move_clock(timedelta(seconds=100))
    await desk.moderator.decide(first)
    assert Decimal(100) <= await sum_seconds(desk) <= Decimal(103)
    [third] = await desk.moderator.take()
    await world.move_clock(timedelta(seconds=110))
    await desk.moderator.decide(third)
    assert Decimal(110) <= await sum_seconds(desk) <= Decimal(113)


async def test_time_before_the_claim_is_nobodys(world):
    desk = await open_desk(world)
    await desk.receive(2)
    [first] = await desk.moderator.take()
    await desk.moderator.decide(first)
    await world.move_clock(timedelta(seconds=500))
    [second] = await desk.moderator.take()
    await world.move_clock(timedelta(seconds=520))
    await desk.moderator.decide(second)
    assert Decimal(20) <= await sum_seconds(desk) <= Decimal(23)


# --- The single door


async def test_all_effects_of_a_human_decision_are_in_one_commit(world):
    desk = await open_desk(world)
    await desk.client.add_endpoint("http://127.0.0.1:9/")
    held = await desk.take_one()
    before = await count_effects(desk)
    async with refused_decisions(desk, at_commit=True):
        assert (await desk.moderator.decide(held, **REMOVE)).status_code == 503
    assert await count_effects(desk) == before
    assert (await desk.client.look(held["item"]["id"]))["state"] == "in_review"
    assert (await desk.clock_of(held["item"]["id"]))["state"] == "running"
    assert [one["id"] for one in await desk.moderator.list_held()] == [held["id"]]

    assert (await desk.moderator.decide(held, **REMOVE)).status_code == 201
    after = await count_effects(desk)
    assert {table: after[table] - before[table] for table in EFFECTS} == {
        "decisions": 1,
        "usage_records": 3,
        "audit_entries": 1,
        "events": 1,
        "deliveries": 1,
        "sla_events": 1,
    }
    assert (await desk.clock_of(held["item"]["id"]))["state"] == "met"


async def test_all_effects_of_an_automatic_decision_are_in_one_commit(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.add_endpoint("http://127.0.0.1:9/")
    receipt = await desk.client.accept(text="bad")
    before = await count_effects(desk)
    async with refused_decisions(desk, at_commit=True):
        await world.drain()
    assert await count_effects(desk) == before
    assert (await desk.client.look(receipt["id"]))["state"] == "received"

    await world.move_clock(timedelta(seconds=1))
    await world.drain()
    after = await count_effects(desk)
    assert {table: after[table] - before[table] for table in EFFECTS} == {
        "decisions": 1,
        "usage_records": 1,
        "audit_entries": 1,
        "events": 1,
        "deliveries": 1,
        "sla_events": 0,
    }
    [usage] = await desk.fetch("SELECT * FROM usage_records WHERE agency_id = $1 AND meter = 'decision.auto'")
    [event] = await desk.fetch("SELECT * FROM events WHERE agency_id = $1")
    [entry] = await desk.fetch("SELECT * FROM audit_entries WHERE agency_id = $1 AND action = 'decision.made'")
    assert usage["item_id"] == event["item_id"] == read_id("itm", receipt["id"])
    assert (event["type"], entry["actor"]) == ("decision.made", "rules")


# --- Under load

STORM_S = 2.5


async def test_a_storm_at_the_desk_leaves_everything_counted_once(world):
    desk = await open_desk(world, ASK_RULES)
    await desk.client.add_endpoint("http://127.0.0.1:9/", ["decision.made"])
    names = [unique("c") for _ in range(60)]
    bulk = [{"external_id": name, "text": "doubtful"} for name in names]
    await desk.client.api.call("POST", "/ingest/v1/items", {"source": desk.client.source["id"], "items": bulk}, 202)
    await world.drain()
    moderators = [await desk.hire(capacity=4) for _ in range(8)]
    until = time.monotonic() + STORM_S
    statuses: list[int] = []
    await asyncio.gather(
        *(work(moderator, until, statuses) for moderator in moderators),
        edit_on(desk, names, until),
        drain_on(desk, until),
    )
    assert set(statuses) <= {200, 201, 204, 409}, statuses
    assert await desk.count("cases", "reason = 'screening_failed'") == 0
    decided = await desk.count("decisions")
    human = await desk.count("decisions", "NOT automated")
    assert human == statuses.count(201) > 0
    assert await desk.count("usage_records", "meter = 'decision.human'") == human
    assert await desk.count("usage_records", "meter = 'review.seconds'") == human
    assert await desk.count("deliveries") == decided
    twice = "SELECT 1 FROM decisions WHERE agency_id = $1 GROUP BY item_id, item_revision HAVING count(*) > 1"
    assert await desk.fetch(twice) == []
    open_items = "item_id IN (SELECT item_id FROM cases WHERE state IN ('ready', 'leased'))"
    assert await desk.count("sla_clocks", f"state = 'running' AND NOT {open_items}") == 0
    assert await desk.count("assignments", "ended_at IS NULL") == await desk.count("cases", "state = 'leased'")


async def work(moderator, until, statuses):
    """Claim, beat, release now and then, decide; the status of every answer."""
    while time.monotonic() < until:
        held = (await moderator.claim(random.randint(1, 4)))["assignments"]
        if not held:
            await asyncio.sleep(0.05)
            continue
        random.shuffle(held)
        one = held[0]
        act = moderator.release if random.random() < 0.3 else moderator.decide
        pairs = [{"id": each["id"], "fence": each["fence"]} for each in held]
        beating = moderator.caller.ask("POST", "/moderator/v1/heartbeat", {"assignments": pairs})
        statuses += [answer.status_code for answer in await asyncio.gather(act(one), beating, act(one))]


async def edit_on(desk, names, until):
    """Edits that open, renew or withdraw cases."""
    while time.monotonic() < until:
        text = random.choice(["doubtful", "doubtful", "bad"])
        answer = await desk.client.send({"external_id": random.choice(names), "text": f"{text} {unique('w')}"})
        assert answer.status_code == 202
        await asyncio.sleep(0.01)


async def drain_on(desk, until):
    while time.monotonic() < until:
        await desk.world.drain()
        await asyncio.sleep(0.02)
    await desk.world.drain()


@pytest.mark.parametrize("explanation", [None, "Nous retirons les menaces."])
async def test_an_item_without_a_language_is_answered_in_the_clients_first(world, explanation):
    desk = await open_desk(world)
    held = await desk.take_one()
    answer = await desk.moderator.decide(held, "remove", policies=["threat"], explanation=explanation)
    assert answer.status_code == 201
    assert answer.json()["reason"]["language"] == "fr"
