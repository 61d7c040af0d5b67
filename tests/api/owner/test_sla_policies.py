"""SLA policies over HTTP: immutable versions, every mistake at once, and open clocks only where asked."""

from datetime import timedelta

import pytest

from tests.api.refusals import read_pointers, read_problem
from tests.support.desk import open_desk
from veilleur.domain.review.retarget import retarget_batch

MINUTE, HOUR = 60, 3_600


def promise(seconds, **more):
    return {"default": {"class": "standard", "decision": {"seconds": seconds, "time": "calendar"} | more}}


async def adopt(desk, policy, status=201, **more):
    return await desk.agency.owner.call("POST", f"{desk.client.base}/sla-policies", {"policy": policy} | more, status)


async def seconds_of(desk, item):
    clock = await desk.clock_of(item)
    return (clock["due_at"] - clock["started_at"]).total_seconds()


async def test_a_version_is_kept_as_it_was_and_the_next_one_is_in_force(shared_agency, world):
    desk = await open_desk(world)
    made = await adopt(desk, promise(2 * HOUR), note="two hours")
    assert (made["version"], made["note"], made["policy"]["reopen_grace_s"]) == (2, "two hours", 86_400)
    path = f"{desk.client.base}/sla-policies"
    listed = await desk.agency.owner.call("GET", path)
    assert [(one["version"], one["author"]) for one in listed["data"]] == [(1, "system"), (2, made["author"])]
    one = await desk.agency.owner.call("GET", f"{path}/1")
    assert one["policy"]["default"]["decision"]["seconds"] == 8 * HOUR
    read_problem(await desk.agency.owner.ask("GET", f"{path}/{2**40}"), 404, "not-found")
    [item] = await desk.receive()
    assert await seconds_of(desk, item) == 2 * HOUR


async def test_all_mistakes_come_at_once_and_keep_nothing(world):
    desk = await open_desk(world)
    rule = {"class": "A", "when": {"source": ["src_x"], "queue": ["nowhere"]}, "decision": {"seconds": -1}}
    body = {"policy": {"rules": [rule]}, "apply_to": "open_since"}
    answer = await desk.agency.owner.ask("POST", f"{desk.client.base}/sla-policies", body)
    assert sorted(read_pointers(answer, 422, "invalid")) == [
        "/open_since", "/policy/default", "/policy/rules/0/class", "/policy/rules/0/decision/seconds",
        "/policy/rules/0/decision/time", "/policy/rules/0/when/queue/0", "/policy/rules/0/when/source/0",
    ]  # fmt: skip
    assert await desk.count("sla_policies") == 1


@pytest.mark.parametrize("since", ["yesterday", "0001-01-01T00:00:00+23:59", "2026-11-22T10:00:00", 5])
async def test_an_instant_that_is_none_is_refused(world, shared_agency, since):
    client = await shared_agency.add_client()
    body = {"policy": promise(60), "apply_to": "open_since", "open_since": since}
    answer = await shared_agency.owner.ask("POST", f"{client.base}/sla-policies", body)
    assert read_pointers(answer, 422, "invalid") == ["/open_since"]


async def test_rules_match_by_who_reported_the_item_and_where_it_came_from(world):
    desk = await open_desk(world)
    rules = [
        {"statutory": "trusted-flagger", "when": {"report_source": ["trusted_flagger"]}},
        {"class": "french", "when": {"language": ["fr"], "kind": ["post"], "source": [desk.client.source["id"]]},
         "decision": {"seconds": 30 * MINUTE, "time": "calendar"}},
    ]  # fmt: skip
    await adopt(desk, promise(HOUR) | {"rules": rules})
    [french] = await desk.receive(language="fr-CA", kind="post")
    [other] = await desk.receive(language="fr", kind="comment")
    classes = [(await desk.clock_of(item))["target_class"] for item in (french, other)]
    assert classes == ["french", "standard"]
    report = {"source": "trusted_flagger", "reason": "insult", "reporter": {"external_id": "u_2"}}
    await desk.client.accept(external_id="reported")
    assert (await desk.client.send({"external_id": "reported", "report": report}, "item.reported")).status_code == 202
    await world.drain()
    assert await desk.count("sla_clocks", "target_class = 'trusted-flagger' AND NOT pausable") == 1


async def test_a_new_policy_leaves_open_clocks_alone_unless_asked(world):
    desk = await open_desk(world)
    [item] = await desk.receive()
    before = await desk.clock_of(item)
    await adopt(desk, promise(HOUR))
    await world.drain()
    assert await desk.clock_of(item) == before


async def test_asked_for_it_retargets_open_clocks_their_cases_and_tells_how_far_it_came(world):
    desk = await open_desk(world)
    items = await desk.receive(3)
    held = await desk.moderator.take()
    await desk.moderator.decide(held[0])
    await world.move_clock(timedelta(minutes=10))
    made = await adopt(desk, promise(HOUR), apply_to="open")
    await world.drain()
    open_items = [item for item in items if item != held[0]["item"]["id"]]
    assert [await seconds_of(desk, item) for item in open_items] == [HOUR, HOUR]
    assert (await desk.clock_of(held[0]["item"]["id"]))["state"] == "met"
    assert await desk.count("cases", "state = 'ready' AND due_at - opened_at > '61 minutes'") == 0
    shown = await desk.agency.owner.call("GET", f"{desk.client.base}/sla-policies/{made['version']}")
    [retarget] = shown["retargets"]
    assert (retarget["clocks"], retarget["finished_at"] is not None) == (2, True)
    assert await desk.count("sla_events", "type = 'retargeted'") == 2


async def test_open_since_retargets_only_what_started_from_then_on(world):
    desk = await open_desk(world)
    [old] = await desk.receive()
    await world.move_clock(timedelta(minutes=10))
    [new] = await desk.receive()
    since = (await desk.clock_of(new))["started_at"].isoformat()
    await adopt(desk, promise(HOUR), apply_to="open_since", open_since=since)
    await world.drain()
    assert [await seconds_of(desk, item) for item in (old, new)] == [8 * HOUR, HOUR]


async def test_a_change_that_was_cut_off_goes_on_where_it_stood(world):
    desk = await open_desk(world)
    items = await desk.receive(5)
    await adopt(desk, promise(HOUR), apply_to="open")
    for expected in (2, 4):
        async with world.worker.database.transaction(desk.scope) as session:
            assert await retarget_batch(session, desk.agency_id, 2)
        assert await desk.count("sla_clocks", f"target_s = {HOUR}") == expected
    await world.drain()
    assert [await seconds_of(desk, item) for item in items] == [HOUR] * 5
    assert await desk.count("sla_events", "type = 'retargeted'") == 5


async def test_a_client_of_another_agency_has_no_policy_here(world, shared_agency):
    desk = await open_desk(world)
    answer = await shared_agency.owner.ask("POST", f"{desk.client.base}/sla-policies", {"policy": promise(60)})
    read_problem(answer, 404, "not-found")


@pytest.mark.parametrize("beyond", ["excluded", "slower"])
async def test_what_is_beyond_the_volume_is_excluded_or_slower(world, beyond):
    desk = await open_desk(world)
    volume = {"per": "month", "items": 2, "beyond": beyond}
    if beyond == "slower":
        volume["slower"] = {"seconds": 5 * HOUR, "time": "calendar"}
    policy = promise(HOUR)
    policy["default"]["volume"] = volume
    await adopt(desk, policy)
    items = [*await desk.receive(1), *await desk.receive(2)]
    clocks = [await desk.clock_of(item) for item in items]
    rest = [clock for clock in clocks if clock["excluded"] or clock["target_s"] == 5 * HOUR]
    assert len(rest) == 1
    assert rest[0]["item_id"] != clocks[0]["item_id"]
    assert rest[0]["excluded"] == ("over_volume" if beyond == "excluded" else None)
    assert await desk.count("sla_volumes", "promised = 3") == 1

    await adopt(desk, promise(2 * HOUR), apply_to="open")
    await world.drain()
    assert await desk.count("sla_clocks", f"target_s = {2 * HOUR} AND excluded IS NULL") == 3


async def test_the_laws_classes_can_be_picked(shared_agency):
    classes = (await shared_agency.owner.call("GET", "/owner/v1/sla-classes"))["data"]
    assert {one["code"]: one["decision"]["seconds"] // HOUR for one in classes} == {
        "intimate-images": 48, "terrorist-content": 1, "trusted-flagger": 24, "hate-speech-24h": 24, "hate-speech-7d": 168,
    }  # fmt: skip
    assert all(one["sources"] for one in classes)


async def test_a_laws_name_is_not_borrowed_without_its_time(world):
    desk = await open_desk(world)
    path = f"/owner/v1/clients/{desk.client.id}/sla-policies"
    slow = {"seconds": 9_999, "time": "business"}
    for borrowed in ({}, {"statutory": "hate-speech-24h"}):
        default = {"class": "terrorist-content", "decision": slow} | borrowed
        problem = await desk.agency.owner.call("POST", path, {"policy": {"default": default}}, 422)
        told = {error["pointer"]: error.get("hint", "") for error in problem["errors"]}
        assert '"statutory": "terrorist-content"' in told["/policy/default/class"]
    kept = await desk.agency.owner.call("POST", path, {"policy": {"default": {"statutory": "terrorist-content"}}}, 201)
    await desk.agency.owner.call("POST", path, {"policy": kept["policy"]}, 201)
