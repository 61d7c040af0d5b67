"""Severe content: out of everybody's sight at once, kept, and told to the client without any of it."""

from datetime import timedelta

from tests.support.desk import instant, open_desk, slug

MEDIA = [{"url": "https://client.example/1.jpg", "type": "image"}]
PARENT = {"context": {"thread_id": "t"}, "author": {"external_id": "u_1"}}


async def quarantine(desk, held, **body):
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    return await desk.moderator.caller.ask("POST", path, {"fence": held["fence"], "class": "csam"} | body)


def addresses(held):
    return [{name: one[name] for name in ("url", "type")} for one in held["item"]["media"]]


async def open_case(world, **fields):
    desk = await open_desk(world)
    held = await desk.take_one(media=MEDIA, **PARENT | fields)
    assert addresses(held) == MEDIA
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
    assert (addresses(theirs), theirs["item"]["quarantined"]) == (MEDIA, "csam")
    assert (theirs["case"]["queue"], theirs["case"]["priority"]) == ("quarantine", "urgent")
    assert (await expert.decide(theirs, "remove", policies=["illegal"])).status_code == 201


async def test_it_leaves_the_restricted_queue_by_no_door(world):
    desk, held = await open_case(world)
    await quarantine(desk, held)
    owner, case = desk.agency.owner, f"/owner/v1/cases/{held['case']['id']}"
    expert = await desk.hire(skills=["quarantine"], capacity=3)
    await owner.call("POST", "/owner/v1/queues", {"code": "high", "name": "High", "tier": 2}, 201)
    routes = [{"name": "German", "when": {"language": ["de"]}, "queue": "default"}]
    await owner.call("PUT", "/owner/v1/routing-rules", {"rules": routes}, 200)

    routed = await owner.ask("POST", f"{case}/route", {"queue": "default"})
    assert (routed.status_code, slug(routed)) == (409, "under-hold")
    stranger = await owner.ask("POST", f"{case}/assign", {"member": await desk.moderator.get_id()})
    assert (stranger.status_code, slug(stranger)) == (409, "under-hold")
    assert await expert.get_id() in stranger.json()["detail"]
    await owner.call("POST", f"{case}/route", {"queue": "quarantine"}, 200)
    assert (await owner.call("POST", f"{case}/assign", {"member": await expert.get_id()}))["queue"] == "quarantine"

    [theirs] = await expert.take()
    escalated = await expert.move(theirs, "escalate", queue="high", note="x")
    assert (escalated.status_code, slug(escalated)) == (409, "under-hold")
    assert (await expert.move(theirs, "skip", reason="wrong_language", language="de")).status_code == 204
    for _ in range(2):
        assert (await owner.call("GET", case))["queue"] == "quarantine"
        await owner.call("POST", f"{case}/release", None, 200)
        held_again = (await (await desk.hire(skills=["quarantine"])).take())[0]
        colleague = await desk.hire(skills=["quarantine"])
        assert held_again["wellness"]["severity"] == 5
        await owner.call("POST", f"{case}/release", None, 200)
        [last] = await colleague.take()
        assert (await colleague.move(last, "skip", reason="too_hard")).status_code == 204


async def test_in_another_queue_no_media_would_be_shown_even_if_it_came_there(world):
    desk, held = await open_case(world, external_id="c_1")
    await quarantine(desk, held)
    await desk.misplace_cases("default")
    [again] = await desk.moderator.take()
    assert (again["item"]["media"], again["item"]["quarantined"]) == ([], "csam")
    await desk.fetch("UPDATE items SET revision = 2 WHERE agency_id = $1")
    changed = await desk.moderator.decide(again)
    assert (changed.status_code, changed.json()["item"]["media"]) == (409, [])


async def test_a_case_that_an_edit_opens_again_waits_for_the_hold_like_the_first(world):
    desk, held = await open_case(world, external_id="c_1")
    pausable = {"default": {"class": "standard", "decision": {"seconds": 3_600, "time": "calendar"}}}
    await desk.agency.owner.call(
        "POST", f"{desk.client.base}/sla-policies", {"policy": pausable, "apply_to": "open"}, 201
    )
    await world.drain()
    await quarantine(desk, held)
    expert = await desk.hire(skills=["quarantine"])
    [theirs] = await expert.take()
    assert (await expert.decide(theirs, "remove", policies=["illegal"])).status_code == 201
    edit = {"external_id": "c_1", "text": "Changed"}
    assert (await desk.client.send(edit, "item.updated")).status_code == 202
    await world.drain()
    clock = await desk.clock_of(held["item"]["id"])
    assert (clock["state"], clock["pause_reason"], clock["cycle"]) == ("paused", "legal_hold", 2)
    await world.move_clock(timedelta(hours=2))
    await world.drain()
    [hold] = (await desk.agency.owner.call("GET", "/owner/v1/legal-holds"))["data"]
    await desk.agency.owner.call("POST", f"/owner/v1/legal-holds/{hold['id']}/lift", {"reason": "a painting"}, 200)
    clock = await desk.clock_of(held["item"]["id"])
    assert (clock["state"], clock["breached_at"]) == ("running", None)
    [case] = (await desk.agency.owner.call("GET", "/owner/v1/cases"))["data"]
    assert instant(case["due_at"]) == clock["due_at"]
    await world.move_clock(timedelta(hours=2, minutes=61))
    await world.drain()
    assert (await desk.clock_of(held["item"]["id"]))["breached_at"] == clock["due_at"]


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
