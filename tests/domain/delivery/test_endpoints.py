"""Endpoints that fail, say they have too much to do, or want no more: what they are sent, and who hears of it."""

import asyncio
from datetime import datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook as StandardWebhook
from svix.webhooks import Webhook as SvixWebhook
from svix.webhooks import WebhookVerificationError

from tests.domain.delivery.line import open_line, settle
from tests.support.receiver import open_receiver
from veilleur.domain.delivery.health import DISABLE_AFTER, OPEN_AFTER
from veilleur.kernel.ids import show_id
from veilleur_worker.drains import Drains


@pytest.fixture
async def receiver():
    async with open_receiver() as receiver:
        yield receiver


def seconds(number):
    return timedelta(seconds=number)


# --- Signatures, by software of others


async def test_the_official_verifiers_accept_every_callback_while_secrets_rotate(world, receiver):
    line = await open_line(world, receiver)
    old = line.endpoint["secret"]
    await line.decide()
    await line.drain()
    new = (await line.owner.call("POST", f"{line.path}/secrets", {"overlap_s": 3_600}, 201))["secret"]
    await line.decide()
    await line.drain()
    await line.drain(seconds(3_601))
    await line.decide()
    await line.drain()
    before, during, after = receiver.calls
    for verifier in (StandardWebhook, SvixWebhook):
        for call, secrets in ((before, [old]), (during, [old, new]), (after, [new])):
            for secret in secrets:
                verified = verifier(secret).verify(call.raw.decode(), call.headers)
                assert verified is None or verified["type"] == "decision.made"
    for call, secret in ((before, new), (after, old)):
        with pytest.raises(WebhookVerificationError):
            SvixWebhook(secret).verify(call.raw.decode(), call.headers)


# --- Six hours away


async def live_through_six_hours_away(line):
    """Decisions about four items every hour, while the receiver answers 500; what it was sent, by id."""
    line.receiver.answer(500)
    for minute in range(0, 360, 30):
        await line.desk.world.move_clock(timedelta(minutes=minute))
        if minute % 60 == 0:
            text = "doubtful" if minute % 120 == 0 else "bad"
            for number in range(4):
                item = {"external_id": f"c_{number}", "text": f"{text} {minute}"}
                await line.desk.client.send(item, "item.updated")
            await Drains(line.desk.world.worker).run("screening", line.desk.agency_id)
        await line.drain()
    sent = {call.headers["webhook-id"]: call.raw for call in line.receiver.calls}
    line.receiver.answer(200)
    line.receiver.calls.clear()
    return sent


@pytest.mark.parametrize("ended_by", ["the schedule", "a new decision", "the engineer"])
async def test_after_six_hours_away_every_decision_comes_in_order_with_the_same_ids(world, receiver, ended_by):
    line = await open_line(world, receiver, ("decision.made", "item.held"))
    sent = await live_through_six_hours_away(line)
    made = await line.desk.count("deliveries")
    assert made == 24
    if ended_by == "a new decision":
        await line.decide()
        made += 1
    elif ended_by == "the engineer":
        path = f"/ingest/v1/endpoints/{line.endpoint['id']}/recover"
        await line.desk.client.api.call("POST", path, {"since": "2026-01-01T00:00:00Z"}, 202)
    for minute in range(366, 1_560 if ended_by == "the schedule" else 368, 60):
        await line.drain(timedelta(minutes=minute))
    ids = [call.headers["webhook-id"] for call in receiver.calls]
    assert len(ids) == len(set(ids)) == made
    assert sent.keys() <= set(ids)
    assert all(sent.get(call.headers["webhook-id"], call.raw) == call.raw for call in receiver.calls)
    numbers = await line.desk.fetch("SELECT event_id, number FROM deliveries WHERE agency_id = $1")
    place = {show_id("evt", row["event_id"]): row["number"] for row in numbers}
    for external in (f"c_{number}" for number in range(4)):
        of_item = [call for call in receiver.calls if call.body["data"]["item"]["external_id"] == external]
        order = [place[call.headers["webhook-id"]] for call in of_item]
        assert (len(order), order) == (6, sorted(order))
    assert (await line.fare())["state"] == "ok"


# --- Order


async def test_a_later_event_of_an_item_waits_for_the_earlier_one_and_other_items_do_not(world, receiver):
    line = await open_line(world, receiver, ("decision.made", "item.held"))
    receiver.answer(500, 200)
    await line.decide(external_id="a")
    await line.drain()
    await line.desk.client.send({"external_id": "a", "text": "doubtful now"}, "item.updated")
    await line.decide(external_id="b")
    await line.drain()
    assert [call.body["data"]["item"]["external_id"] for call in receiver.calls] == ["a", "b"]
    await line.drain(seconds(7))
    told = [(call.body["type"], call.body["data"]["item"]["external_id"]) for call in receiver.calls[2:]]
    assert told == [("decision.made", "a"), ("item.held", "a")]


async def test_what_is_given_up_holds_nothing_back(world, receiver):
    line = await open_line(world, receiver, ("decision.made", "item.held"))
    inside = f"http://0.0.0.0:{receiver.port}/"
    await world.fetch("UPDATE endpoints SET url = $2 WHERE agency_id = $1", line.desk.agency_id, inside)
    await line.decide(external_id="a")
    await line.drain()
    await world.fetch("UPDATE endpoints SET url = $2 WHERE agency_id = $1", line.desk.agency_id, receiver.url)
    await line.desk.client.send({"external_id": "a", "text": "doubtful now"}, "item.updated")
    await Drains(world.worker).run("screening", line.desk.agency_id)
    await line.drain()
    assert [call.body["type"] for call in receiver.calls] == ["item.held"]


# --- Pace, concurrency, breaker


async def test_an_open_breaker_costs_one_call_a_pause_and_its_end_brings_what_waited(world, receiver):
    line = await open_line(world, receiver)
    await line.change(concurrency=1)
    receiver.answer(500)
    await line.decide_many(OPEN_AFTER + 5)
    await line.drain()
    assert len(receiver.calls) == OPEN_AFTER
    assert (await line.fare())["state"] == "open"
    await line.drain(seconds(20))
    assert len(receiver.calls) == OPEN_AFTER
    await line.drain(seconds(35))
    assert len(receiver.calls) == OPEN_AFTER + 1
    receiver.answer(200)
    await line.drain(seconds(110))
    assert len(receiver.calls) == OPEN_AFTER + 1 + OPEN_AFTER + 5
    assert await line.show("state=pending") == []
    assert (await line.fare())["state"] == "ok"


async def test_a_breaker_is_shared_and_holds_no_other_endpoint(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500)
    await line.decide_many(OPEN_AFTER)
    await line.drain()
    async with open_receiver() as other:
        await line.desk.client.add_endpoint(other.url)
        await line.decide()
        await asyncio.gather(*(line.drain() for _ in range(3)))
        assert (len(other.calls), len(receiver.calls)) == (1, OPEN_AFTER)


async def test_a_receiver_with_too_much_to_do_is_left_alone_and_then_called_one_by_one(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(429, retry_after="60")
    await line.decide()
    await line.drain()
    receiver.answer(200)
    await line.decide_many(4)
    await line.drain(seconds(55))
    assert len(receiver.calls) == 1
    await line.drain(seconds(62))
    assert len(receiver.calls) == 2
    assert (await line.fare())["state"] == "slowed"
    for later in (64, 66, 68):
        await line.drain(seconds(later))
    assert len(receiver.calls) == 6


async def test_no_more_calls_a_second_and_at_once_than_the_owner_allows(world, receiver):
    line = await open_line(world, receiver)
    shown = await line.change(rate_per_s=2, concurrency=3)
    assert (shown["rate_per_s"], shown["concurrency"]) == (2, 3)
    await line.decide_many(7)
    calls = []
    for second in (0, 2, 4, 6):
        await line.drain(seconds(second))
        calls.append(len(receiver.calls))
    assert calls == [2, 4, 6, 7]
    assert (await line.change(rate_per_s=None))["rate_per_s"] is None
    receiver.silent = True
    await line.decide_many(5)
    draining = asyncio.create_task(line.drain())
    await receiver.wait_for(10)
    assert len(await line.show("state=sending")) == 3
    await settle(draining)


# --- Warnings, the end, and back


async def fail_for(line, days, start=timedelta(0)):
    """A call every six hours that fails; the bodies of what others are told meanwhile."""
    hours = 0
    while timedelta(hours=hours) <= timedelta(days=days):
        await line.desk.world.move_clock(start + timedelta(hours=hours))
        await line.decide()
        await line.drain()
        hours += 6


async def test_an_endpoint_is_disabled_only_after_warnings_that_others_are_sent(world, receiver):
    line = await open_line(world, receiver)
    async with open_receiver() as agency, open_receiver() as sibling:
        told = {"kind": "standard", "url": agency.url, "events": ["endpoint.failing"]}
        await line.owner.call("POST", "/owner/v1/endpoints", told, 201)
        await line.desk.client.add_endpoint(sibling.url, ["endpoint.disabled"])
        receiver.answer(500)
        await fail_for(line, 4.6)
        figures = [call.body["data"]["figures"] for call in agency.calls]
        assert [one["percent"] for one in figures] == [1, 50, 70, 90]
        health = await line.fare()
        assert (health["warned"], health["state"]) == (90, "open")
        ends_after = datetime.fromisoformat(health["disables_at"]) - datetime.fromisoformat(health["failing_since"])
        assert DISABLE_AFTER <= ends_after < DISABLE_AFTER + timedelta(minutes=1)
        [alarm] = (await line.owner.call("GET", "/owner/v1/alarms"))["data"]
        assert (alarm["kind"], alarm["subject"]) == ("endpoint.failing", line.endpoint["id"])
        assert sibling.calls == []
        await fail_for(line, 0.5, timedelta(days=4.7))
        await Drains(world.worker).run("delivery", line.desk.agency_id)
        shown = await line.look()
        assert (shown["state"], shown["disabled_reason"]) == ("disabled", "failing")
        assert agency.calls[-1].body["data"]["figures"]["disabled"] == "failing"
        [call] = sibling.calls
        assert call.body["data"] == {"endpoint": line.endpoint["id"], "url": receiver.url, "reason": "failing"}
        assert await line.show("state=pending") == []


async def test_an_endpoint_that_recovers_closes_its_alarm_and_starts_over(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500)
    await fail_for(line, 3)
    receiver.answer(200)
    await fail_for(line, 0.3, timedelta(days=3.1))
    health = await line.fare()
    assert (health["state"], health["warned"], health["failing_since"]) == ("ok", None, None)
    alarms = (await line.owner.call("GET", "/owner/v1/alarms"))["data"]
    assert [one["closed_at"] is None for one in alarms] in ([], [False])


async def test_410_disables_at_once_and_the_engineer_enables_it_again(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(410)
    await line.decide()
    await line.drain()
    await line.decide()
    shown = await line.look()
    assert (shown["state"], shown["disabled_reason"], shown["health"]["state"]) == ("disabled", "gone", "disabled")
    receiver.answer(200)
    path = f"/ingest/v1/endpoints/{line.endpoint['id']}"
    await line.desk.client.api.call("POST", f"{path}/recover", {"since": "2026-01-01T00:00:00Z"}, 409)
    await line.desk.client.api.call("PATCH", path, {"state": "enabled"}, 200)
    again = await line.desk.client.api.call("POST", f"{path}/recover", {"since": "2026-01-01T00:00:00Z"}, 202)
    missed = await line.desk.client.api.call("POST", f"{path}/replay-missing", {}, 202)
    assert (again["deliveries"], missed["deliveries"]) == (1, 1)
    await line.drain()
    ids = [call.headers["webhook-id"] for call in receiver.calls]
    assert (len(ids), ids[0]) == (3, ids[1])
    feed = await line.desk.client.api.call("GET", "/ingest/v1/events?types=endpoint.disabled")
    assert {one["data"]["reason"] for one in feed["data"]} <= {"gone"}


async def test_what_the_owner_disabled_the_client_does_not_enable(world, receiver):
    line = await open_line(world, receiver)
    await line.change(state="disabled")
    path = f"/ingest/v1/endpoints/{line.endpoint['id']}"
    await line.desk.client.api.call("PATCH", path, {"state": "enabled"}, 403)
    await line.change(state="enabled")
    await line.desk.client.api.call("PATCH", path, {"state": "disabled"}, 200)
    shown = await line.desk.client.api.call("PATCH", path, {"state": "enabled"}, 200)
    assert (shown["state"], shown["disabled_at"]) == ("enabled", None)
