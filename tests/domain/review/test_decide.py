"""Deciding: fenced, checked, safe to repeat, true in all its effects or in none."""

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.domain.review.deciding import REMOVE, count_effects
from tests.support.desk import open_desk, slug


async def sum_seconds(desk):
    rows = await desk.fetch("SELECT quantity FROM usage_records WHERE agency_id = $1 AND meter = 'review.seconds'")
    return sum(row["quantity"] for row in rows)


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


@pytest.mark.parametrize("explanation", [None, "Nous retirons les menaces."])
async def test_an_item_without_a_language_is_answered_in_the_clients_first(world, explanation):
    desk = await open_desk(world)
    held = await desk.take_one()
    answer = await desk.moderator.decide(held, "remove", policies=["threat"], explanation=explanation)
    assert answer.status_code == 201
    assert answer.json()["reason"]["language"] == "fr"
