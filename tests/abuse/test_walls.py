"""A wall that is raised holds from then on, for what was once on this side of it too."""

import pytest

from tests.api.refusals import read_problem
from tests.support.desk import Desk, open_desk
from tests.support.people import Json, unique
from tests.support.world import World

SECRET = "what nobody outside may read"


async def wall_off(desk: Desk) -> None:
    """The moderator serves another client from now on."""
    other = await desk.agency.add_client()
    path = f"/owner/v1/members/{await desk.moderator.get_id()}"
    await desk.agency.owner.call("PATCH", path, {"clients": [other.id]}, 200)


async def quarantine(desk: Desk, held: Json) -> None:
    body = {"fence": held["fence"], "class": "terror"}
    await desk.moderator.caller.call("POST", f"/moderator/v1/assignments/{held['id']}/quarantine", body, 200)


async def test_an_old_assignment_opens_nothing_of_a_client_one_serves_no_longer(world: World):
    desk = await open_desk(world)
    held = await desk.take_one(author={"external_id": "u_1"})
    assert (await desk.moderator.decide(held)).status_code == 201
    await desk.receive(text=SECRET, author={"external_id": "u_1"})
    similar = f"/moderator/v1/assignments/{held['id']}/similar?by=author"
    assert SECRET in (await desk.moderator.caller.ask("GET", similar)).text
    await wall_off(desk)
    answer = await desk.moderator.caller.ask("GET", similar)
    read_problem(answer, 404, "not-found")
    assert SECRET not in answer.text
    read_problem(await desk.moderator.note(held, "a last word", "author"), 404, "not-found")
    read_problem(await desk.moderator.decide(held), 404, "not-found")


async def test_what_is_in_hand_goes_back_when_the_wall_comes(world: World):
    desk = await open_desk(world)
    held = await desk.take_one(text=SECRET)
    await wall_off(desk)
    assert SECRET not in (await desk.moderator.caller.ask("GET", "/moderator/v1/assignments")).text
    [beat] = await desk.moderator.beat(held)
    assert beat["problem"]["status"] == 404
    for answer in (await desk.moderator.decide(held), await desk.moderator.release(held)):
        read_problem(answer, 404, "not-found")
    other = await desk.hire()
    assert [one["case"]["id"] for one in await other.take()] == [held["case"]["id"]]


async def test_a_wall_in_front_of_one_client_leaves_the_cases_of_others_in_hand(world: World):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    await desk.receive()
    await desk.receive(client=other)
    held = await desk.moderator.take(2)
    path = f"/owner/v1/members/{await desk.moderator.get_id()}"
    await desk.agency.owner.call("PATCH", path, {"clients": [other.id]}, 200)
    kept = [one for one in held if one["client"]["id"] == other.id]
    assert [(one["id"], one["fence"]) for one in await desk.moderator.list_held()] == [
        (one["id"], one["fence"]) for one in kept
    ]
    assert (await desk.moderator.decide(kept[0])).status_code == 201


async def test_what_was_kept_for_somebody_behind_the_wall_is_anybodys(world: World):
    desk = await open_desk(world)
    held = await desk.take_one()
    asked = await desk.moderator.move(held, "ask", question="Who is this?")
    assert asked.status_code == 201
    await desk.client.api.call("POST", f"/ingest/v1/cases/{held['case']['id']}/answers", {"text": "Me"}, 201)
    await wall_off(desk)
    other = await desk.hire()
    assert [one["case"]["id"] for one in await other.take()] == [held["case"]["id"]]


@pytest.mark.parametrize("where", ["search", "surroundings", "copies"])
async def test_what_is_quarantined_is_read_nowhere_beside_its_queue(world: World, where: str):
    desk = await open_desk(world)
    author = {"external_id": unique("u")}
    await quarantine(desk, await desk.take_one(text=SECRET, author=author))
    [item_id] = await desk.receive(author=author)
    if where == "search":
        path = f"/moderator/v1/items?client={desk.client.id}&author={author['external_id']}"
        answer = await desk.moderator.caller.ask("GET", path)
        held_back = next(one for one in answer.json()["data"] if one["id"] != item_id)
    elif where == "surroundings":
        await desk.moderator.take()
        answer = await desk.moderator.caller.ask("GET", "/moderator/v1/assignments")
        [held_back] = answer.json()["assignments"][0]["context"]["author"]["items"]
    else:
        [copy] = await desk.receive(text=SECRET)
        path = f"/owner/v1/clients/{desk.client.id}/items/{copy}/near-duplicates"
        answer = await desk.agency.owner.ask("GET", path)
        assert len(answer.json()["data"]) == 2
        held_back = answer.json()["data"][0]
    assert held_back["text"] is None
    assert where == "copies" or (held_back["quarantined"] == "terror" and SECRET not in answer.text)


async def test_one_look_decides_nothing_behind_a_wall_that_a_claim_respects(world: World):
    desk = await open_desk(world)
    owner, author = desk.agency.owner, {"external_id": unique("u")}
    for queue in ({"code": "high", "tier": 2}, {"code": "law", "skills": ["law"]}):
        await owner.call("POST", "/owner/v1/queues", queue | {"name": queue["code"]}, 201)
    reader = await desk.hire(languages=["fr"])
    [hers] = await desk.receive(author=author, text="Bonjour")
    [held] = await reader.take()
    assert held["item"]["id"] == hers
    others = await desk.receive(4, author=author)
    german = await desk.receive(author=author, language="de")
    cases = {one["item"]["id"]: one["id"] for one in (await owner.call("GET", "/owner/v1/cases"))["data"]}
    for item_id, queue in zip(others, ("high", "law"), strict=False):
        await owner.call("POST", f"/owner/v1/cases/{cases[item_id]}/route", {"queue": queue}, 200)
    kept_for = {"member": await desk.moderator.get_id()}
    await owner.call("POST", f"/owner/v1/cases/{cases[others[2]]}/assign", kept_for, 200)
    similar = f"/moderator/v1/assignments/{held['id']}/similar?by=author"
    seen = await reader.caller.call("GET", similar, status=200)
    assert (seen["count"], seen["held"]) == (1, 4)
    assert [one["id"] for one in seen["samples"]] == [others[3]]
    decided = await reader.decide(held, apply_to={"by": "author", "expect": 1})
    assert decided.status_code == 201, decided.text
    assert [one["item_id"] for one in decided.json()["applied"]["decisions"]] == [others[3]]
    left = {one["item"]["id"] for one in (await owner.call("GET", "/owner/v1/cases"))["data"]}
    assert left == {*others[:3], *german}
