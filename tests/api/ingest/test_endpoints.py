"""The client's own engineer: endpoints, secrets, deliveries and their log, with the client's key alone."""

from datetime import timedelta

import pytest

from tests.api.refusals import read_pointers
from tests.domain.delivery.line import open_line
from tests.support.desk import instant, slug
from tests.support.people import Caller
from tests.support.receiver import open_receiver
from veilleur_worker.drains import Drains

ALWAYS = {"since": "2026-01-01T00:00:00Z"}


@pytest.fixture
async def receiver():
    async with open_receiver() as receiver:
        yield receiver


async def issue_key(line, *scopes):
    body = {"kind": "api_key", "name": "engineer", "scopes": list(scopes)}
    made = await line.owner.call("POST", f"{line.desk.client.base}/credentials", body, 201)
    return Caller(line.desk.client.http, made["api_key"])


def api_of(line):
    return line.desk.client.api


# --- Endpoints


async def test_an_engineer_opens_pings_changes_and_closes_an_endpoint(world, receiver):
    line = await open_line(world, receiver)
    async with open_receiver() as own:
        made = await api_of(line).call("POST", "/ingest/v1/endpoints", {"url": own.url, "events": ["ping"]}, 201)
        path = f"/ingest/v1/endpoints/{made['id']}"
        assert made["secret"].startswith("whsec_")
        assert (made["state"], made["health"]["state"], made["concurrency"]) == ("enabled", "ok", 10)
        ping = await api_of(line).call("POST", f"{path}/ping", status=202)
        await line.drain()
        [call] = own.calls
        assert call.is_signed_with(made["secret"])
        shown = await api_of(line).call("GET", f"/ingest/v1/deliveries/{ping['delivery_id']}", status=200)
        assert (shown["state"], shown["type"], shown["endpoint"]) == ("delivered", "ping", made["id"])
        changed = await api_of(line).call("PATCH", path, {"events": []}, 200)
        assert (changed["events"], "secret" in changed) == ([], False)
        await api_of(line).call("DELETE", path, status=204)
        await api_of(line).call("POST", f"{path}/ping", status=409)
        listed = (await api_of(line).call("GET", "/ingest/v1/endpoints"))["data"]
        assert [(one["id"], one["disabled_reason"]) for one in listed] == [
            (line.endpoint["id"], None), (made["id"], "client"),
        ]  # fmt: skip


async def test_another_address_is_another_receiver(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500)
    await line.decide()
    await line.drain()
    assert (await line.fare())["failures"] == 1
    async with open_receiver() as moved:
        shown = await api_of(line).call("PATCH", f"/ingest/v1/endpoints/{line.endpoint['id']}", {"url": moved.url}, 200)
        assert (shown["health"]["failures"], shown["health"]["failing_since"]) == (0, None)
        await line.drain(timedelta(seconds=7))
        assert len(moved.calls) == 1


@pytest.mark.parametrize(
    ("body", "pointers"),
    [
        ({"url": "https://169.254.169.254/"}, ["/url"]),
        ({"url": "https://user:pass@example.com/"}, ["/url"]),
        ({"url": "https://x.example/", "events": ["nothing.happened"]}, ["/events/0"]),
        ({"url": "https://x.example/", "rate_per_s": 5}, ["/rate_per_s"]),
        ({}, ["/url"]),
    ],
)
async def test_what_can_not_be_called_is_refused_where_it_is_written(world, receiver, body, pointers):
    line = await open_line(world, receiver)
    answer = await api_of(line).ask("POST", "/ingest/v1/endpoints", body)
    assert answer.status_code == 422
    assert read_pointers(answer, 422, "invalid") == pointers


async def test_a_patched_address_is_judged_as_a_new_one(world, receiver):
    line = await open_line(world, receiver)
    for api, path in ((api_of(line), f"/ingest/v1/endpoints/{line.endpoint['id']}"), (line.owner, line.path)):
        answer = await api.ask("PATCH", path, {"url": "http://10.0.0.1/"})
        assert read_pointers(answer, 422, "invalid") == ["/url"]
    assert (await line.look())["url"] == receiver.url


async def test_a_name_that_leads_inside_is_refused_at_once(world, receiver, monkeypatch):
    line = await open_line(world, receiver)

    async def resolve(_host, _port):
        return ["93.184.216.34", "10.0.0.7"]

    from veilleur_api import endpoint_answers  # noqa: PLC0415

    checked = endpoint_answers.check_callback_host

    async def check(url, policy, pointer, _resolve):
        await checked(url, policy, pointer, resolve)

    monkeypatch.setattr(endpoint_answers, "check_callback_host", check)
    answer = await api_of(line).ask("POST", "/ingest/v1/endpoints", {"url": "https://inside.example.com/"})
    assert read_pointers(answer, 422, "invalid") == ["/url"]


async def test_no_more_than_twenty_are_called(world, receiver):
    line = await open_line(world, receiver)
    for _ in range(19):
        await api_of(line).call("POST", "/ingest/v1/endpoints", {"url": receiver.url}, 201)
    answer = await api_of(line).ask("POST", "/ingest/v1/endpoints", {"url": receiver.url})
    assert (answer.status_code, slug(answer)) == (409, "endpoint-limit")


async def test_a_secret_of_ones_own_signs_beside_the_old_one(world, receiver):
    line = await open_line(world, receiver)
    path = f"/ingest/v1/endpoints/{line.endpoint['id']}/secrets"
    wrong = await api_of(line).ask("POST", path, {"secret": "v1,whsec_AAAA"})
    assert read_pointers(wrong, 422, "invalid") == ["/secret"]
    mine = "whsec_" + "QUJD" * 10
    made = await api_of(line).call("POST", path, {"secret": mine, "overlap_s": 60}, 201)
    assert made == {"id": line.endpoint["id"], "secret": mine}
    await line.decide()
    await line.drain()
    [call] = receiver.calls
    assert call.is_signed_with(mine)
    assert call.is_signed_with(line.endpoint["secret"])


async def test_without_the_scope_nothing_of_this_is_open(world, receiver):
    line = await open_line(world, receiver)
    key = await issue_key(line, "ingest:write", "items:read")
    for path in ("/ingest/v1/endpoints", "/ingest/v1/deliveries"):
        answer = await key.ask("GET", path)
        assert (answer.status_code, slug(answer)) == (403, "missing-scope")


# --- Deliveries


async def test_the_log_tells_every_attempt_and_the_body_only_to_who_may_read_items(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(503, 200, retry_after="30")
    item = await line.decide(external_id="c_7")
    await line.drain()
    await line.drain(timedelta(seconds=40))
    [row] = (await api_of(line).call("GET", f"/ingest/v1/deliveries?state=delivered&endpoint={line.endpoint['id']}"))[
        "data"
    ]
    assert (row["item"], row["attempts"], "body" in row, "log" in row) == (item, 2, False, False)
    path = f"/ingest/v1/deliveries/{row['id']}"
    shown = await api_of(line).call("GET", path)
    assert [(one["status"], one["error"], one["next_at"] is None) for one in shown["log"]] == [
        (503, None, False), (200, None, True),
    ]  # fmt: skip
    assert all(one["took_ms"] >= 0 for one in shown["log"])
    assert shown["log"][0]["next_at"] > shown["log"][0]["at"]
    assert (shown["body"], shown["body_kept"]) == (None, True)
    asked = await api_of(line).call("GET", f"{path}?body=true")
    assert asked["body"]["data"]["item"]["external_id"] == "c_7"
    engineer = await issue_key(line, "endpoints:write")
    assert (await engineer.call("GET", path))["body"] is None
    refused = await engineer.ask("GET", f"{path}?body=true")
    assert (refused.status_code, slug(refused)) == (403, "missing-scope")
    noted = f"/owner/v1/audit?action=delivery.read&subject={row['id']}"
    await line.owner.call("GET", f"/owner/v1/deliveries/{row['id']}")
    assert (await line.owner.call("GET", noted))["data"] == []
    assert (await line.owner.call("GET", f"/owner/v1/deliveries/{row['id']}?body=true"))["body"] == asked["body"]
    assert len((await line.owner.call("GET", noted))["data"]) == 1


async def test_a_delivery_is_sent_again_with_the_same_id_and_a_schedule_of_its_own(world, receiver):
    line = await open_line(world, receiver)
    await line.decide()
    await line.drain()
    [row] = await line.show()
    again = await api_of(line).call("POST", f"/ingest/v1/deliveries/{row['id']}/redeliver", status=202)
    assert (again["state"], again["attempts"]) == ("pending", 1)
    receiver.answer(500)
    await line.drain(timedelta(days=10))
    [row] = await line.show()
    assert (row["state"], row["attempts"]) == ("pending", 2)
    last = (await api_of(line).call("GET", f"/ingest/v1/deliveries/{row['id']}"))["log"][-1]
    assert instant(last["next_at"]) - instant(last["at"]) < timedelta(seconds=60)
    receiver.answer(200)
    await line.owner.call("POST", f"/owner/v1/deliveries/{row['id']}/redeliver", status=202)
    await line.drain(timedelta(days=10))
    first, second, third = receiver.calls
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == third.headers["webhook-id"]
    assert first.raw == second.raw == third.raw
    assert [row["state"] for row in await line.show()] == ["delivered"]


async def test_what_an_endpoint_never_got_is_replayed_once_and_only_what_it_wants(world, receiver):
    line = await open_line(world, receiver)
    await line.decide("doubtful")
    await line.decide("fine")
    await line.drain()
    async with open_receiver() as late:
        made = await api_of(line).call(
            "POST", "/ingest/v1/endpoints", {"url": late.url, "events": ["decision.made"]}, 201
        )
        path = f"/ingest/v1/endpoints/{made['id']}/replay-missing"
        assert await api_of(line).call("POST", path, {}, 202) == {"deliveries": 1, "more": False}
        assert await api_of(line).call("POST", path, {}, 202) == {"deliveries": 0, "more": False}
        assert await api_of(line).call("POST", path, {"since": "2999-01-01T00:00:00Z"}, 202) == {
            "deliveries": 0,
            "more": False,
        }
        await line.drain()
        assert [call.body["type"] for call in late.calls] == ["decision.made"]
        assert late.calls[0].headers["webhook-id"] == receiver.calls[0].headers["webhook-id"]
        assert late.calls[0].is_signed_with(made["secret"])


async def test_the_owner_recovers_and_replays_for_any_endpoint(world, receiver):
    line = await open_line(world, receiver)
    receiver.answer(500)
    await line.decide()
    await line.drain()
    await line.owner.call("DELETE", line.path, status=204)
    await line.decide()
    await line.change(state="enabled")
    receiver.answer(200)
    path = f"/owner/v1/endpoints/{line.endpoint['id']}"
    assert (await line.owner.call("POST", f"{path}/recover", ALWAYS, 202))["deliveries"] == 1
    assert (await line.owner.call("POST", f"{path}/replay-missing", {}, 202))["deliveries"] == 1
    await line.drain()
    assert len(receiver.calls) == 3
    assert {row["state"] for row in await line.show()} == {"delivered"}


# --- How long bodies are kept


async def test_bodies_go_after_the_clients_days_and_the_log_stays(world, receiver):
    line = await open_line(world, receiver)
    await line.decide()
    await line.drain()
    shown = await line.owner.call("PATCH", line.desk.client.base, {"payload_days": 7}, 200)
    assert shown["payload_days"] == 7
    [row] = await line.show()
    for days, kept in ((6, True), (8, False)):
        await world.move_clock(timedelta(days=days))
        await world.drain()
        found = await api_of(line).call("GET", f"/ingest/v1/deliveries/{row['id']}?body=true")
        assert (found["body_kept"], found["body"] is not None, len(found["log"])) == (kept, kept, 1)
        assert len((await api_of(line).call("GET", "/ingest/v1/events"))["data"]) == int(kept)
    answer = await api_of(line).ask("POST", f"/ingest/v1/deliveries/{row['id']}/redeliver")
    assert (answer.status_code, slug(answer)) == (410, "gone")


async def test_a_body_that_is_still_owed_is_kept(world, receiver):
    line = await open_line(world, receiver)
    await line.owner.call("PATCH", line.desk.client.base, {"payload_days": 1}, 200)
    receiver.answer(500)
    await line.decide()
    await line.drain()
    await world.move_clock(timedelta(days=2))
    await Drains(world.worker).run("retention", line.desk.agency_id)
    receiver.answer(200)
    await line.drain()
    assert receiver.calls[0].raw == receiver.calls[1].raw
