"""Callbacks: signed, safe to receive twice, tried again, given up visibly; one receiver never costs another."""

import asyncio
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.domain.delivery.line import open_line, settle
from tests.support.receiver import open_receiver
from veilleur.domain.delivery.attempt import LEASE_S
from veilleur.domain.delivery.backoff import Result
from veilleur.domain.delivery.begin import begin_attempts
from veilleur.domain.delivery.finish import finish_attempt
from veilleur.domain.outbox.endpoints import endpoint_aad
from veilleur.infra.security.standard_webhooks import new_webhook_secret, parse_webhook_secret
from veilleur.kernel.ids import new_id, read_id
from veilleur_worker import deliver
from veilleur_worker.drains import Drains
from veilleur_worker.send import send

LATER = timedelta(seconds=30)
"""Longer than the first two waits."""


@pytest.fixture
async def receiver():
    async with open_receiver() as receiver:
        yield receiver


async def begin(line, limit=50):
    async with line.desk.world.worker.database.transaction(line.desk.scope) as session:
        return await begin_attempts(session, line.desk.agency_id, limit)


async def finish(line, attempt, result):
    async with line.desk.world.worker.database.transaction(line.desk.scope) as session:
        return await finish_attempt(session, line.desk.agency_id, attempt, result, jitter=0.5)


# --- What arrives


async def test_a_decision_arrives_signed_and_tells_what_was_decided(world, receiver):
    line = await open_line(world, receiver)
    item = await line.decide(external_id="c_1", author={"external_id": "u_1"}, metadata={"page": 7})
    await line.drain()
    [call] = receiver.calls
    assert call.is_signed_with(line.endpoint["secret"])
    assert not call.is_signed_with(new_webhook_secret())
    assert abs(int(call.headers["webhook-timestamp"]) - time.time()) < 5
    assert call.headers["content-type"] == "application/json"
    assert (call.body["type"], call.body["data"]["sequence"]) == ("decision.made", 1)
    decision = call.body["data"]["decision"]
    assert decision == (await line.desk.client.look(item))["decision"]
    assert (decision["verdict"], decision["automated"], decision["matched_rules"]) == ("remove", True, ["bad"])
    told = call.body["data"]["item"]
    assert (told["id"], told["external_id"], told["metadata"]) == (item, "c_1", {"page": 7})
    [row] = await line.show("state=delivered")
    assert (row["attempts"], row["last_status"], row["type"]) == (1, 200, "decision.made")


async def test_each_endpoint_gets_the_events_it_wants_once(world, receiver):
    line = await open_line(world, receiver)
    async with open_receiver() as second:
        await line.desk.client.add_endpoint(second.url)
        await line.decide("doubtful")
        await line.decide("fine")
        await line.drain()
        await line.drain()
        assert [call.body["type"] for call in receiver.calls] == ["decision.made"]
        assert sorted(call.body["type"] for call in second.calls) == ["decision.made", "item.held"]


async def test_a_ping_goes_to_the_one_endpoint_that_was_asked(world, receiver):
    line = await open_line(world, receiver)
    async with open_receiver() as second:
        await line.desk.client.add_endpoint(second.url)
        path = f"{line.desk.client.base}/endpoints/{line.endpoint['id']}/ping"
        await line.desk.agency.owner.call("POST", path, status=202)
        await line.drain()
        assert [call.body["type"] for call in receiver.calls] == ["ping"]
        assert second.calls == []


async def test_every_live_secret_signs_and_an_expired_one_does_not(world, receiver):
    line = await open_line(world, receiver)
    newer, gone = new_webhook_secret(), new_webhook_secret()
    await add_secret(line, newer, None)
    await add_secret(line, gone, timedelta(seconds=-1))
    await line.decide()
    await line.drain()
    [call] = receiver.calls
    assert call.is_signed_with(line.endpoint["secret"])
    assert call.is_signed_with(newer)
    assert not call.is_signed_with(gone)
    assert len(call.headers["webhook-signature"].split(" ")) == 2


async def add_secret(line, secret, expires_in):
    world, agency_id, endpoint_id = line.desk.world, line.desk.agency_id, read_id("end", line.endpoint["id"])
    sealed = world.worker.sealer.seal(parse_webhook_secret(secret, ""), endpoint_aad(agency_id, endpoint_id))
    await world.fetch(
        "INSERT INTO endpoint_secrets (agency_id, id, endpoint_id, client_id, sealed, expires_at)"
        " VALUES ($1, $2, $3, $4, $5, app_now() + $6)",
        agency_id, new_id(), endpoint_id, read_id("cli", line.desk.client.id), sealed, expires_in,
    )  # fmt: skip


# --- Trying again


async def test_a_retry_has_the_same_id_and_body_and_a_fresh_timestamp(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500, 200)
    await line.decide()
    await line.drain()
    [row] = await line.show()
    assert (row["state"], row["attempts"], row["last_status"]) == ("pending", 1, 500)
    await asyncio.sleep(1.05)
    await line.drain(LATER)
    first, second = receiver.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.raw == second.raw
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert second.is_signed_with(line.endpoint["secret"])
    [row] = await line.show()
    assert (row["state"], row["attempts"], row["due_at"]) == ("delivered", 2, None)


async def test_no_retry_before_its_time(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500)
    await line.decide()
    for _ in range(3):
        await line.drain()
    assert len(receiver.calls) == 1


async def test_a_receiver_that_asks_for_patience_gets_it(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(429, retry_after="600")
    await line.decide()
    await line.drain()
    await line.drain(timedelta(seconds=590))
    assert len(receiver.calls) == 1
    receiver.answer(200)
    await line.drain(timedelta(seconds=610))
    assert [row["state"] for row in await line.show()] == ["delivered"]


async def test_a_receiver_that_wants_no_more_gets_no_more(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(410)
    await line.decide()
    await line.drain()
    await line.drain(timedelta(days=5))
    assert len(receiver.calls) == 1
    [row] = await line.show("state=dead")
    assert (row["attempts"], row["last_status"], row["due_at"]) == (1, 410, None)


async def test_after_three_days_it_is_given_up_where_the_owner_sees_it(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500)
    await line.decide()
    began = datetime.now(UTC)
    await line.drain()
    while pending := await line.show("state=pending"):
        await line.drain(datetime.fromisoformat(pending[0]["due_at"]) - began + timedelta(seconds=3))
    assert len(receiver.calls) in (10, 11)
    assert len({call.headers["webhook-id"] for call in receiver.calls}) == 1
    [row] = await line.show("state=dead")
    assert (row["attempts"], row["last_status"]) == (len(receiver.calls), 500)
    log = (await line.desk.agency.owner.call("GET", f"/owner/v1/deliveries/{row['id']}"))["log"]
    assert [one["status"] for one in log] == [500] * len(receiver.calls)
    first, last = (datetime.fromisoformat(log[place]["at"]) for place in (0, -1))
    assert timedelta(days=3) <= last - first < timedelta(days=3, minutes=2)
    assert (log[-1]["next_at"], log[0]["next_at"] < log[1]["at"]) == (None, True)
    assert await line.show("state=pending") == []


async def test_a_redirect_is_a_failure_and_never_followed(world, receiver):
    line = await open_line(world, receiver)
    async with open_receiver() as elsewhere:
        receiver.answer(307, location=elsewhere.url)
        await line.decide()
        await line.drain()
        assert elsewhere.connections == 0
    [row] = await line.show("state=pending")
    assert row["last_status"] == 307


async def test_an_address_that_must_not_be_called_is_given_up_at_once_without_a_connection(world, receiver):
    line = await open_line(world, receiver)
    inside = f"http://0.0.0.0:{receiver.port}/"
    await world.fetch("UPDATE endpoints SET url = $2 WHERE agency_id = $1", line.desk.agency_id, inside)
    await line.decide()
    await line.drain()
    assert receiver.connections == 0
    [row] = await line.show("state=dead")
    assert (row["attempts"], row["last_status"], row["last_error"]) == (1, None, "blocked")


async def test_nobody_there_is_tried_again(world):
    async with open_receiver() as receiver:
        pass
    line = await open_line(world, receiver)
    await line.decide()
    await line.drain()
    [row] = await line.show("state=pending")
    assert (row["attempts"], row["last_error"]) == (1, "connect")


async def test_a_disabled_endpoint_is_not_called_any_more(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500)
    await line.decide()
    await line.drain()
    path = f"{line.desk.client.base}/endpoints/{line.endpoint['id']}"
    await line.desk.agency.owner.call("DELETE", path, status=204)
    await line.decide("bad again")
    await line.drain(LATER)
    assert len(receiver.calls) == 1
    [row] = await line.show()
    assert (row["state"], row["due_at"]) == ("dead", None)


# --- Senders that die


async def test_a_sender_that_vanished_before_sending_is_replaced_when_its_lease_ends(world, receiver):
    line = await open_line(world, receiver)
    await line.decide()
    [lost] = await begin(line)
    await line.drain(timedelta(seconds=LEASE_S - 2))
    assert receiver.calls == []
    await world.move_clock(timedelta(seconds=LEASE_S + 2))
    await world.drain()
    assert len(receiver.calls) == 1
    before = await line.show()
    assert (before[0]["state"], before[0]["attempts"]) == ("delivered", 2)
    assert await finish(line, lost, Result(status=410)) == "stale"
    assert await line.show() == before


async def test_a_late_result_does_not_overwrite_the_attempt_that_followed(world, receiver):
    line = await open_line(world, receiver)
    await line.decide()
    [lost] = await begin(line)
    await world.move_clock(timedelta(seconds=LEASE_S + 1))
    [second] = await begin(line)
    assert second.fence > lost.fence
    assert await finish(line, lost, Result(status=200)) == "stale"
    assert (await line.show())[0]["state"] == "sending"
    assert await finish(line, second, Result(status=500)) == "pending"


async def test_a_death_between_sending_and_recording_costs_one_repetition_with_the_same_id(world, receiver):
    line = await open_line(world, receiver)
    await line.decide()
    [attempt] = await begin(line)
    assert (await send(world.worker, line.desk.agency_id, attempt)).status == 200
    await line.drain(timedelta(seconds=LEASE_S + 1))
    await line.drain(timedelta(days=1))
    first, second = receiver.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.raw == second.raw
    assert [row["state"] for row in await line.show()] == ["delivered"]


async def test_two_workers_at_once_send_each_callback_once(world, receiver):
    line = await open_line(world, receiver)
    for number in range(12):
        await line.desk.client.accept(f"bad {number}")
    await line.decide()
    await asyncio.gather(*(line.drain() for _ in range(4)))
    ids = [call.headers["webhook-id"] for call in receiver.calls]
    assert len(ids) == len(set(ids)) == 13


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_is_leased_than_asked_for(world, receiver, limit):
    line = await open_line(world, receiver)
    for number in range(6):
        await line.desk.client.accept(f"bad {number}")
    await line.decide()
    assert len(await begin(line, limit)) == limit
    assert len(await begin(line)) == 7 - limit


async def test_beginners_side_by_side_lease_no_more_than_the_endpoint_allows(world, receiver):
    line = await open_line(world, receiver)
    await line.change(concurrency=3)
    await line.decide_many(9)
    begun = await asyncio.gather(*(begin(line) for _ in range(4)))
    assert sum(map(len, begun)) == 3
    await world.move_clock(timedelta(seconds=LEASE_S + 1))
    assert len(await begin(line)) == 3


async def test_a_process_with_no_room_in_the_air_sends_as_soon_as_there_is_some(world, receiver, monkeypatch):
    monkeypatch.setattr(deliver, "MOST_IN_AIR", 2)
    line = await open_line(world, receiver)
    await line.decide_many(9)
    await line.drain()
    assert len(receiver.calls) == 9


# --- Receivers that hang


async def test_a_hanging_receiver_delays_no_other_in_its_batch(world, receiver):
    line = await open_line(world, receiver)
    async with open_receiver() as hung:
        hung.silent = True
        await line.desk.client.add_endpoint(hung.url)
        await line.decide()
        draining = asyncio.create_task(line.drain())
        await hung.wait_for(1)
        await receiver.wait_for(1)
        hung_row, fine = sorted(await line.show(), key=lambda row: row["endpoint"] == line.endpoint["id"])
        assert hung_row["state"] == "sending"
        await settle(draining)
    assert fine["state"] in ("sending", "delivered")


async def test_a_hanging_receiver_delays_nothing_that_comes_later(world, receiver):
    line = await open_line(world, receiver)
    async with open_receiver() as hung:
        hung.silent = True
        await line.desk.client.add_endpoint(hung.url)
        await line.decide()
        drains = Drains(world.worker)
        draining = asyncio.create_task(drains.run("delivery", line.desk.agency_id))
        await hung.wait_for(1)
        await line.decide("bad once more")
        again = asyncio.create_task(drains.run("delivery", line.desk.agency_id))
        await receiver.wait_for(2, seconds=8)
        await settle(draining, again)
