"""Severe content: out of everybody's sight at once, kept, and told to the client without any of it."""

from tests.support.desk import open_desk, slug

MEDIA = [{"url": "https://client.example/1.jpg", "type": "image"}]
PARENT = {"context": {"thread_id": "t"}, "author": {"external_id": "u_1"}}


async def quarantine(desk, held, **body):
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    return await desk.moderator.caller.ask("POST", path, {"fence": held["fence"], "class": "csam"} | body)


async def open_case(world, **fields):
    desk = await open_desk(world)
    held = await desk.take_one(media=MEDIA, **PARENT | fields)
    assert held["item"]["media"] == MEDIA
    return desk, held


async def test_it_leaves_my_hands_for_those_who_have_the_skill_and_they_alone_see_the_media(world):
    desk, held = await open_case(world)
    answer = await quarantine(desk, held)
    assert answer.status_code == 200, answer.text
    shown = {"case_id": held["case"]["id"], "item_id": held["item"]["id"], "queue": "quarantine", "break_offered": True}
    assert answer.json() == shown
    assert (await desk.moderator.claim())["assignments"] == []
    assert "1.jpg" not in (await desk.moderator.caller.ask("GET", "/moderator/v1/assignments")).text
    lead = await desk.hire(roles=["lead"])
    assert (await lead.claim())["assignments"] == []
    expert = await desk.hire(skills=["quarantine"])
    [theirs] = await expert.take()
    assert (theirs["item"]["media"], theirs["item"]["quarantined"]) == (MEDIA, "csam")
    assert (theirs["case"]["queue"], theirs["case"]["priority"]) == ("quarantine", "urgent")
    assert (await expert.decide(theirs, "remove", policies=["illegal"])).status_code == 201


async def test_a_new_question_about_the_item_in_another_queue_shows_no_media(world):
    desk, held = await open_case(world, external_id="c_1")
    await quarantine(desk, held)
    expert = await desk.hire(skills=["quarantine"])
    [theirs] = await expert.take()
    await expert.decide(theirs, "remove", policies=["illegal"])
    edit = {"external_id": "c_1", "text": "other words", "media": MEDIA}
    assert (await desk.client.send(edit, "item.updated")).status_code == 202
    await world.drain()
    [again] = await desk.moderator.take()
    assert (again["item"]["media"], again["item"]["quarantined"]) == ([], "csam")
    changed = await desk.moderator.decide(again | {"item": {"revision": 1}})
    assert (changed.status_code, changed.json()["item"]["media"]) == (409, [])


async def test_the_client_is_told_at_once_and_without_media(world):
    desk, held = await open_case(world)
    await quarantine(desk, held, **{"class": "threat_to_life"})
    await world.drain()
    feed = await desk.client.api.call("GET", "/ingest/v1/events?types=item.emergency")
    [told] = [one["data"] for one in feed["data"]]
    assert (told["class"], told["interim"], told["item"]["id"]) == ("threat_to_life", "withhold", held["item"]["id"])
    assert "1.jpg" not in str(told)
    assert (await desk.client.look(held["item"]["id"]))["interim"] == "withhold"


async def test_the_clock_waits_the_hold_stands_and_the_trail_knows_who(world):
    desk, held = await open_case(world)
    await quarantine(desk, held)
    clock = await desk.clock_of(held["item"]["id"])
    assert clock["state"] in ("paused", "running")
    assert await desk.count("sla_clocks", "state = 'paused'") == await desk.count("sla_clocks", "pausable")
    assert await desk.count("legal_holds", "hold_class = 'csam' AND lifted_at IS NULL") == 1
    assert await desk.count("audit_entries", "action = 'item.quarantined'") == 1
    assert await desk.count("exposures", "kind = 'view' AND severity = 5") == 1
    assert await desk.count("assignments", "outcome = 'quarantined'") == 1


async def test_sent_again_it_changes_nothing_and_a_lost_lease_quarantines_nothing(world):
    desk, held = await open_case(world)
    stale = await quarantine(desk, held, fence=held["fence"] + 1)
    assert (stale.status_code, slug(stale)) == (409, "lease-lost")
    first, again = await quarantine(desk, held), await quarantine(desk, held)
    assert (first.status_code, again.status_code, again.json()) == (200, 200, first.json())
    assert await desk.count("events", "type = 'item.emergency'") == 1
    decided = await desk.moderator.decide(held)
    assert (decided.status_code, slug(decided)) == (409, "lease-lost")


async def test_bulk_decisions_leave_what_is_under_a_hold_alone(world):
    desk = await open_desk(world)
    await desk.receive(3, text="the same")
    first, second = await desk.moderator.take(2)
    await quarantine(desk, second)
    path = f"/moderator/v1/assignments/{first['id']}/similar"
    assert (await desk.moderator.caller.call("GET", path, status=200))["count"] == 1


async def test_a_class_nobody_knows_is_refused(world):
    desk, held = await open_case(world)
    answer = await quarantine(desk, held, **{"class": "rude"})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/class"]
