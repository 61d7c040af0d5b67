"""What is under a legal hold stays, whatever its client does, until an owner lifts the hold."""

from tests.support.desk import open_desk, slug

ILLEGAL = {"policies": ["illegal"]}


async def hold_one(world, **fields):
    """A quarantined case, nobody's yet, and somebody who may take it."""
    desk = await open_desk(world)
    held = await desk.take_one(**{"external_id": "c_1", "text": "terrible"} | fields)
    path = f"/moderator/v1/assignments/{held['id']}/quarantine"
    await desk.moderator.caller.call("POST", path, {"fence": held["fence"], "class": "terror"}, 200)
    return desk, held, await desk.hire(skills=["quarantine"])


async def send(desk, kind, **fields):
    assert (await desk.client.send({"external_id": "c_1"} | fields, kind)).status_code == 202
    await desk.world.drain()


async def find_hold(desk):
    [hold] = (await desk.agency.owner.call("GET", "/owner/v1/legal-holds?state=standing"))["data"]
    return hold


async def lift(desk, hold, status=200):
    path = f"/owner/v1/legal-holds/{hold['id']}/lift"
    return await desk.agency.owner.call("POST", path, {"reason": "a false alarm"}, status)


async def test_a_deletion_ends_nothing_and_the_verdict_still_counts(world):
    desk, held, expert = await hold_one(world)
    await send(desk, "item.deleted")
    [theirs] = await expert.take()
    assert (theirs["case"]["id"], theirs["item"]["text"]) == (held["case"]["id"], "terrible")
    assert (await expert.decide(theirs, "remove", **ILLEGAL)).status_code == 201
    assert await desk.count("legal_holds", "lifted_at IS NULL") == 1
    await send(desk, "item.deleted")
    assert await desk.count("items", "body ->> 'text' = 'terrible' AND hold_class = 'terror'") == 1


async def test_a_deletion_after_the_verdict_closes_the_item(world):
    desk, _, expert = await hold_one(world)
    [theirs] = await expert.take()
    await expert.decide(theirs, "remove", **ILLEGAL)
    await send(desk, "item.deleted")
    assert await desk.count("items", "state = 'deleted' AND hold_class = 'terror'") == 1
    assert await desk.count("cases", "closed_at IS NULL") == 0


async def test_an_edit_changes_what_the_experts_see_and_nothing_else(world):
    desk, held, expert = await hold_one(world)
    await send(desk, "item.updated", text="all is well")
    assert (await desk.moderator.claim())["assignments"] == []
    [theirs] = await expert.take()
    assert (theirs["case"]["id"], theirs["item"]["text"]) == (held["case"]["id"], "all is well")


async def test_rules_do_not_decide_an_edit_of_what_was_judged_and_it_goes_back_to_the_experts(world):
    desk, _, expert = await hold_one(world)
    [theirs] = await expert.take()
    await expert.decide(theirs, "remove", **ILLEGAL)
    everything = {"format": "veilleur.rules/v1", "schema": "item/v1", "name": "all", "rules": []}
    await desk.client.publish(everything | {"fallback": {"verdict": "allow"}})
    await send(desk, "item.updated", text="all is well")
    assert (await desk.moderator.claim())["assignments"] == []
    [again] = await expert.take()
    assert (again["case"]["queue"], again["case"]["reason"]) == ("quarantine", "legal_hold")
    assert (again["case"]["priority"], await desk.count("items", "interim = 'withhold'")) == ("urgent", 1)


async def test_a_lifted_hold_frees_the_item_its_clock_and_its_media(world):
    media = [{"url": "https://client.example/1.jpg", "type": "image"}]
    desk, held, expert = await hold_one(world, media=media)
    hold = await find_hold(desk)
    assert (hold["class"], hold["item"], hold["lifted_at"]) == ("terror", held["item"]["id"], None)
    assert await desk.count("sla_clocks", "state = 'paused'") == 1
    lifted = await lift(desk, hold)
    assert (lifted["reason"], lifted["lifted_by"]) == ("a false alarm", await _owner_id(desk))
    assert await desk.count("sla_clocks", "state = 'running'") == 1
    assert await desk.count("audit_entries", "action = 'legal_hold.lifted' AND details ->> 'reason' <> ''") == 1
    [theirs] = await expert.take()
    assert (theirs["item"]["quarantined"], len(theirs["item"]["media"])) == (None, 1)
    assert slug(await lift(desk, hold, 409)) == "conflict"


async def test_what_was_deleted_meanwhile_goes_when_the_hold_does(world):
    desk, _, expert = await hold_one(world)
    await send(desk, "item.deleted")
    await lift(desk, await find_hold(desk))
    await world.drain()
    assert (await expert.claim())["assignments"] == []
    assert await desk.count("items", "state = 'deleted'") == 1
    assert await desk.count("cases", "state = 'withdrawn'") == 1


async def test_a_question_to_the_client_keeps_the_clock_waiting_when_the_hold_goes(world):
    desk, _, expert = await hold_one(world)
    [theirs] = await expert.take()
    assert (await expert.move(theirs, "ask", question="whose is it?")).status_code == 201
    await lift(desk, await find_hold(desk))
    assert await desk.count("sla_clocks", "state = 'paused'") == 1


async def test_only_owners_see_and_lift_holds(world):
    desk, _, _ = await hold_one(world)
    hold = await find_hold(desk)
    lead = await desk.hire(roles=["lead"])
    for method, path in (("GET", "/owner/v1/legal-holds"), ("POST", f"/owner/v1/legal-holds/{hold['id']}/lift")):
        assert (await lead.caller.ask(method, path, {"reason": "x"} if method == "POST" else None)).status_code == 403
    missing = await desk.agency.owner.ask("POST", f"/owner/v1/legal-holds/{hold['id']}/lift", {})
    assert [error["pointer"] for error in missing.json()["errors"]] == ["/reason"]


async def _owner_id(desk):
    return (await desk.agency.owner.call("GET", "/moderator/v1/me"))["id"]
