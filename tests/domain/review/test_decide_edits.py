"""The item moves under the moderator's hands."""

import asyncio
from contextlib import asynccontextmanager

import asyncpg
import pytest

from tests.domain.review.deciding import REMOVE, edit
from tests.support.desk import ASK_RULES, open_desk, slug
from tests.support.people import unique
from veilleur_worker.drains import Drains


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


@pytest.mark.parametrize(("text", "verdict", "word"), [("pardon", "allow", "allowed"), ("bad", "remove", "decided")])
async def test_who_decides_about_a_text_that_was_edited_away_is_told_what_became_of_it(world, text, verdict, word):
    desk = await open_desk(world, ASK_RULES)
    name = unique("c")
    held = await desk.take_one(external_id=name, text="doubtful")
    never = await desk.moderator.decide(held | {"item": {"revision": 7}})
    assert (never.status_code, never.json()["errors"][0]["pointer"]) == (422, "/revision")
    await edit(desk, name, text)
    await world.drain()
    answer = await desk.moderator.decide(held)
    problem = answer.json()
    assert (answer.status_code, slug(answer)) == (409, "item-withdrawn")
    assert word in problem["detail"]
    assert (problem["verdict"], problem["item"]["text"], problem["item"]["revision"]) == (verdict, text, 2)
    history = [event["type"] for event in (await desk.client.look(held["item"]["id"]))["history"]]
    assert "case.withdrawn" in history


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
