"""Asking the client: the deadline waits, the answer is read first by who asked, and nothing gets lost on the way."""

from datetime import timedelta

import pytest

from tests.support.desk import instant, open_desk, slug
from tests.support.people import Caller


async def ask(desk, held, question="Is this your editor?", **more):
    answer = await desk.moderator.move(held, "ask", question=question, **more)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def answer(desk, held, text="Yes."):
    return await desk.client.api.ask("POST", f"/ingest/v1/cases/{held['case']['id']}/answers", {"text": text})


async def test_the_client_is_asked_and_the_deadline_waits_for_the_answer(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    asked = await ask(desk, held, choices=["yes", "no"])
    assert (asked["case"], asked["choices"], asked["answer"]) == (held["case"]["id"], ["yes", "no"], None)
    await world.drain()
    events = (await desk.client.api.call("GET", "/ingest/v1/events?types=case.question"))["data"]
    [event] = [one for one in events if one["type"] == "case.question"]
    assert event["data"]["case"] == held["case"]["id"]
    assert event["data"]["item"]["id"] == held["item"]["id"]
    assert (event["data"]["question"], event["data"]["choices"]) == ("Is this your editor?", ["yes", "no"])
    assert (await desk.clock_of(held["item"]["id"]))["state"] == "paused"
    assert await desk.moderator.list_held() == []
    assert (await desk.moderator.claim())["reason"] == "empty"
    await world.move_clock(timedelta(hours=30))
    wrong = await answer(desk, held, "perhaps")
    assert (wrong.status_code, wrong.json()["errors"][0]["pointer"]) == (422, "/text")
    assert "yes" in wrong.json()["errors"][0]["hint"]
    assert (await answer(desk, held)).status_code == 201
    clock = await desk.clock_of(held["item"]["id"])
    assert (clock["state"], clock["breached_at"]) == ("running", None)
    [taken] = await desk.moderator.take()
    moved = instant(taken["case"]["due_at"]) - instant(held["case"]["due_at"])
    assert timedelta(hours=29, minutes=59) < moved < timedelta(hours=30, minutes=1)
    [shown] = taken["context"]["questions"]
    assert (shown["question"], shown["answer"]) == ("Is this your editor?", "Yes.")


async def test_who_asked_reads_the_answer_first_and_then_anybody(world):
    desk = await open_desk(world)
    other = await desk.hire()
    held = await desk.take_one()
    await ask(desk, held)
    await answer(desk, held)
    assert (await other.claim())["reason"] == "empty"
    await world.move_clock(timedelta(minutes=31))
    [taken] = await other.take()
    assert taken["case"]["id"] == held["case"]["id"]


async def test_asking_again_with_the_same_fence_asks_once(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    assert await ask(desk, held) == await ask(desk, held)
    assert await desk.count("questions") == 1


async def test_an_answer_counts_once_and_other_words_are_refused(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    early = await answer(desk, held)
    assert (early.status_code, slug(early)) == (404, "not-found")
    await ask(desk, held)
    first, again = await answer(desk, held), await answer(desk, held)
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    other = await answer(desk, held, "No!")
    assert (other.status_code, slug(other)) == (409, "already-answered")


async def test_a_second_question_may_follow_the_first_answer(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await ask(desk, held)
    await answer(desk, held)
    [held] = await desk.moderator.take()
    await ask(desk, held, "And this one?")
    await answer(desk, held, "No.")
    [held] = await desk.moderator.take()
    assert [one["answer"] for one in held["context"]["questions"]] == ["Yes.", "No."]
    assert (await desk.moderator.decide(held)).status_code == 201
    late = await answer(desk, held, "No.")
    assert late.status_code == 201


async def test_a_case_withdrawn_while_it_waited_needs_no_answer(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await ask(desk, held)
    await desk.client.send({"external_id": held["item"]["external_id"]}, "item.deleted")
    await world.drain()
    late = await answer(desk, held)
    assert (late.status_code, slug(late)) == (409, "already-decided")
    assert (await desk.moderator.claim())["reason"] == "empty"


async def test_an_edit_while_it_waited_is_what_the_asker_sees(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await ask(desk, held)
    await desk.client.send({"external_id": held["item"]["external_id"], "text": "edited"}, "item.updated")
    await world.drain()
    assert await desk.count("cases", "closed_at IS NULL") == 1
    await answer(desk, held)
    [taken] = await desk.moderator.take()
    assert taken["item"]["text"] == "edited"


@pytest.mark.parametrize("whose", ["another client", "without the scope"])
async def test_only_the_client_who_was_asked_answers(world, whose):
    desk = await open_desk(world)
    held = await desk.take_one()
    await ask(desk, held)
    client = await desk.agency.add_client() if whose == "another client" else desk.client
    body = {"kind": "api_key", "name": "x", "scopes": ["items:read"]}
    key = await desk.agency.owner.call("POST", f"{client.base}/credentials", body, 201)
    api = client.api if whose == "another client" else Caller(world.http, key["api_key"])
    refused = await api.ask("POST", f"/ingest/v1/cases/{held['case']['id']}/answers", {"text": "Yes."})
    assert refused.status_code == (404 if whose == "another client" else 403)
    assert await desk.count("questions", "answer IS NOT NULL") == 0
