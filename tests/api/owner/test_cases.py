"""The lead's levers: who has which case, and how to change it. Every pull is audited."""

from datetime import timedelta

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.desk import LEASE, instant, open_desk, slug


async def list_ids(desk, query=""):
    answer = await desk.agency.owner.call("GET", f"/owner/v1/cases{query}")
    return [case["item"]["id"] for case in answer["data"]]


async def pull(desk, held_or_id, lever, body=None, status=200):
    case_id = held_or_id if isinstance(held_or_id, str) else held_or_id["case"]["id"]
    return await desk.agency.owner.call("POST", f"/owner/v1/cases/{case_id}/{lever}", body, status)


async def count_deeds(desk, action):
    return await desk.count("audit_entries", f"action = '{action}'")


async def test_cases_are_listed_by_due_time_page_by_page(world):
    desk = await open_desk(world)
    items = await desk.receive(5)
    seen, after = [], ""
    while after is not None:
        page = await desk.agency.owner.call("GET", f"/owner/v1/cases?limit=2{after and f'&after={after}'}")
        assert len(page["data"]) <= 2
        seen += page["data"]
        after = page["next"]
    assert {case["item"]["id"] for case in seen} == set(items)
    assert [case["due_at"] for case in seen] == sorted(case["due_at"] for case in seen)
    assert "Bonjour" not in str(seen)


async def test_filters_narrow_the_list(world):
    desk = await open_desk(world)
    other = await desk.agency.add_client()
    mine, taken, decided = await desk.receive(3)
    [theirs] = await desk.receive(client=other)
    held = await desk.moderator.take(2)
    taken, decided = (one["item"]["id"] for one in held)
    [mine] = {*await list_ids(desk, f"?client={desk.client.id}")} - {taken, decided}
    await desk.moderator.decide(held[1])
    assert await list_ids(desk, f"?client={other.id}") == [theirs]
    assert set(await list_ids(desk, "?state=ready")) == {mine, theirs}
    assert await list_ids(desk, "?state=leased") == [taken]
    assert await list_ids(desk, "?state=decided") == await list_ids(desk, "?state=over") == [decided]
    assert await list_ids(desk, "?queue=unscreened") == []
    assert await list_ids(desk, "?due_before=2020-01-01T00:00:00Z") == []
    assert len(await list_ids(desk, "?due_before=2099-01-01T00:00:00Z&queue=default")) == 3
    assert await list_ids(desk, "?flagged=true") == []
    assert len(await list_ids(desk, "?flagged=false")) == 3


@pytest.mark.parametrize("query", ["state=lost", "flagged=perhaps", "due_before=soon", "limit=201", "after=x"])
async def test_a_filter_that_can_not_be_is_refused(world, query):
    desk = await open_desk(world)
    assert (await desk.agency.owner.ask("GET", f"/owner/v1/cases?{query}")).status_code == 422


async def test_a_list_of_cases_takes_the_same_statements_however_long_it_is(world):
    from sqlalchemy import event  # noqa: PLC0415 - only here

    desk = await open_desk(world)
    statements = []

    def note(*_):
        statements.append(1)

    event.listen(world.parts.database.engine.sync_engine, "before_cursor_execute", note)
    try:
        counts = []
        for more in (1, 6):
            await desk.receive(more)
            statements.clear()
            assert await list_ids(desk)
            counts.append(len(statements))
    finally:
        event.remove(world.parts.database.engine.sync_engine, "before_cursor_execute", note)
    assert counts[0] == counts[1] > 0


async def test_a_case_tells_who_has_had_it(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await desk.moderator.move(held, "skip", reason="technical")
    shown = await desk.agency.owner.call("GET", f"/owner/v1/cases/{held['case']['id']}")
    [once] = shown["assignments"]
    assert (once["outcome"], once["reason"]) == ("skipped", "technical")
    assert shown["skipped_by"] == [await desk.moderator.get_id()] == [once["member"]]
    assert shown["flag"] == "skipped"
    assert await list_ids(desk, "?flagged=true") == [held["item"]["id"]]


async def test_the_last_lease_that_ran_out_is_listed_before_anybody_comes_by(world):
    desk = await open_desk(world)
    await desk.receive()
    for turn in range(1, 4):
        await (await desk.hire()).take()
        await world.move_clock(turn * (LEASE + timedelta(seconds=1)))
    [case] = (await desk.agency.owner.call("GET", "/owner/v1/cases?flagged=true"))["data"]
    assert (case["flag"], case["state"]) == ("expired", "leased")


async def test_an_assigned_case_leaves_other_hands_and_comes_first_to_its_new_one(world):
    desk = await open_desk(world)
    other = await desk.hire()
    await desk.receive(2)
    held = await desk.moderator.take(2)
    to = await other.get_id()
    assigned = await pull(desk, held[1], "assign", {"member": to})
    assert (assigned["kept_for"], assigned["state"], assigned["holder"]) == (to, "ready", None)
    answer = await desk.moderator.decide(held[1])
    assert (answer.status_code, slug(answer)) == (409, "lease-lost")
    await desk.moderator.release(held[0])
    [taken] = await other.take()
    assert taken["case"]["id"] == held[1]["case"]["id"]
    assert await count_deeds(desk, "case.assigned") == 1


async def test_a_case_is_assigned_only_to_who_serves_the_client(world):
    desk = await open_desk(world)
    stranger = await desk.hire(clients=[])
    held = await desk.take_one()
    for member in (await stranger.get_id(), "mem_x"):
        path = f"/owner/v1/cases/{held['case']['id']}/assign"
        answer = await desk.agency.owner.ask("POST", path, {"member": member})
        assert read_pointers(answer, 422, "invalid") == ["/member"]
        assert await desk.moderator.get_id() in answer.json()["errors"][0]["hint"]
    assert len(await desk.moderator.list_held()) == 1


async def test_a_released_case_is_everybodys_again(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await desk.moderator.move(held, "skip", reason="other")
    assert (await desk.moderator.claim())["reason"] == "empty"
    freed = await pull(desk, held, "release")
    assert (freed["flag"], freed["skipped_by"]) == (None, [])
    assert await desk.count("alarms", "closed_at IS NULL") == 0
    [again] = await desk.moderator.take()
    assert again["fence"] > held["fence"]


async def test_a_case_that_waits_for_the_client_is_released_with_its_clock(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    await desk.moderator.move(held, "ask", question="why?")
    path = f"/owner/v1/cases/{held['case']['id']}/assign"
    body = {"member": await desk.moderator.get_id()}
    read_problem(await desk.agency.owner.ask("POST", path, body), 409, "conflict")
    assert (await pull(desk, held, "release"))["state"] == "ready"
    assert (await desk.clock_of(held["item"]["id"]))["state"] == "running"
    await desk.moderator.take()


@pytest.mark.parametrize("retarget", [True, False])
async def test_a_changed_priority_moves_the_deadline_only_where_asked(world, retarget):
    desk = await open_desk(world)
    held = await desk.take_one()
    changed = await pull(desk, held, "priority", {"priority": "urgent", "retarget": retarget})
    assert (changed["priority"], changed["holder"] is not None) == ("urgent", True)
    earlier = instant(held["case"]["due_at"]) - instant(changed["due_at"])
    assert earlier == (timedelta(hours=7) if retarget else timedelta(0))
    assert await count_deeds(desk, "case.prioritised") == 1


async def test_a_routed_case_is_found_in_its_new_queue_with_its_old_due_time(world):
    desk = await open_desk(world)
    await desk.agency.owner.call("POST", "/owner/v1/queues", {"code": "vip", "name": "VIP"}, 201)
    held = await desk.take_one()
    routed = await pull(desk, held, "route", {"queue": "vip"})
    assert (routed["queue"], routed["due_at"]) == ("vip", held["case"]["due_at"])
    assert await desk.moderator.list_held() == []
    await desk.moderator.take(queues=["vip"])
    path = f"/owner/v1/cases/{held['case']['id']}/route"
    answer = await desk.agency.owner.ask("POST", path, {"queue": "nowhere"})
    assert read_pointers(answer, 422, "invalid") == ["/queue"]


async def test_a_closed_case_is_over_for_everybody(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    closed = await pull(desk, held, "close", {"reason": "handled by phone"})
    assert (closed["state"], closed["closed_at"] is not None) == ("closed", True)
    answer = await desk.moderator.decide(held)
    assert (answer.status_code, slug(answer)) == (409, "lease-lost")
    assert (await desk.clock_of(held["item"]["id"]))["state"] == "cancelled"
    look = await desk.client.look(held["item"]["id"])
    assert (look["state"], look["decision"]) == ("decided", None)
    for lever, body in (("close", {"reason": "x"}), ("release", None), ("route", {"queue": "default"})):
        path = f"/owner/v1/cases/{held['case']['id']}/{lever}"
        read_problem(await desk.agency.owner.ask("POST", path, body), 409, "already-decided")
    assert await list_ids(desk, "?state=closed") == [held["item"]["id"]]


async def test_the_levers_are_not_for_moderators(world):
    desk = await open_desk(world)
    held = await desk.take_one()
    path = f"/owner/v1/cases/{held['case']['id']}"
    for method, body in (("GET", None), ("POST", {"reason": "x"})):
        answer = await desk.moderator.caller.ask(method, path + ("/close" if body else ""), body)
        assert answer.status_code == 403
