"""The proof of a bill: records as CloudEvents, those behind a line, the client's own view, and words of warning."""

import json
from datetime import UTC, datetime

import pytest

from tests.support.billing import agency_of, close_month, count_on, plan_by_item, read_statement, sign
from tests.support.desk import ASK_RULES
from tests.support.people import Caller
from tests.support.receiver import open_receiver
from veilleur_worker import usage as worker_usage
from veilleur_worker.drains import Drains

TODAY = datetime.now(UTC).date()
MONTH = TODAY.isoformat()


@pytest.fixture
async def client(shared_agency):
    return await shared_agency.add_client(ASK_RULES)


async def give_key(client, scope="billing:read"):
    body = {"kind": "api_key", "name": "billing", "scopes": [scope]}
    key = await client.owner.call("POST", f"{client.base}/credentials", body, 201)
    return Caller(client.http, key["api_key"])


async def test_records_come_as_cloudevents_that_other_services_read(client):
    sent = await client.accept("fine", language="fr")
    for asked in ({"accept": "application/x-ndjson"}, {}):
        path = f"/owner/v1/usage/records?client={client.id}" + ("" if asked else "&format=ndjson")
        answer = await client.owner.ask("GET", path, **asked)
        assert answer.headers["content-type"] == "application/x-ndjson"
        [event] = [json.loads(line) for line in answer.text.splitlines()]
        assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "items.received", client.id)
        assert (event["source"], event["id"][:4]) == ("urn:veilleur:usage", "usg_")
        assert event["data"]["quantity"] == 1
        assert event["data"]["item"] == sent["id"]
        assert event["data"]["dims"]["language"] == "fr"
        assert datetime.fromisoformat(event["time"]).date() <= datetime.now(UTC).date()


async def test_pages_of_events_are_linked(client):
    for _ in range(3):
        await client.accept("fine")
    first = await client.owner.ask("GET", f"/owner/v1/usage/records?client={client.id}&format=ndjson&limit=2")
    assert len(first.text.splitlines()) == 2
    path = first.headers["link"].split(">")[0].lstrip("<")
    assert len((await client.owner.ask("GET", path)).text.splitlines()) == 1


async def test_a_line_leads_to_its_records_and_on_to_the_decisions(world, client):
    part = {"code": "auto", "model": "per_unit", "meter": "decision.auto", "label": {"en": "A"}, "unit": "1",
            "filters": {"verdict": ["remove"]}}  # fmt: skip
    await sign(client, plan_by_item(components=[part]))
    await client.accept("fine")
    bad = await client.accept("bad")
    await world.drain()
    [line] = (await read_statement(client, MONTH))["lines"]
    assert line["quantity"] == "1"
    path = f"/usage/records?statement_line={line['id']}"
    [record] = (await client.owner.call("GET", f"/owner/v1{path}"))["data"]
    assert (record["item"], record["meter"], record["quantity"]) == (bad["id"], "decision.auto", "1")
    assert record["decision"] == (await client.look(bad["id"]))["decision"]["id"]
    own = await give_key(client)
    [seen] = (await own.call("GET", f"/ingest/v1{path}"))["data"]
    assert seen == {name: value for name, value in record.items() if name != "member"}


async def test_a_late_line_leads_to_what_came_late(world, shared_agency):
    client = await shared_agency.add_client()
    await sign(client)
    await close_month(world, client, "2026-05")
    day = datetime(2026, 5, 31, tzinfo=UTC).date()
    await count_on(world, client, day, 3)
    late = next(line for line in (await read_statement(client, "2026-06"))["lines"] if line["late"])
    assert await list_behind(client, late["id"]) == ["3"]
    await close_month(world, client, "2026-06")
    await count_on(world, client, day, 4)
    assert await list_behind(client, late["id"]) == ["3"]


async def list_behind(client, line_id):
    path = "/owner/v1/usage/records"
    answer = await client.owner.http.get(path, params={"statement_line": line_id}, headers=client.owner.headers)
    return [row["quantity"] for row in answer.json()["data"]]


async def test_a_client_reads_its_own_usage_and_promises_and_no_members_name(world, client, shared_agency):
    other = await shared_agency.add_client()
    await client.accept("fine")
    await other.accept("fine")
    own = await give_key(client)
    usage = await own.call("GET", "/ingest/v1/usage?group_by=meter,source")
    assert usage["data"] == [{"meter": "items.received", "source": client.source["id"], "quantity": "1"}]
    answer = await own.ask("GET", "/ingest/v1/usage/records")
    assert "member" not in answer.json()["data"][0]
    assert other.id not in answer.text
    assert (await own.ask("GET", "/ingest/v1/usage?group_by=member")).status_code == 422
    assert (await own.call("GET", "/ingest/v1/sla"))["data"] == []
    await sign(other)
    [line] = (await read_statement(other, MONTH))["lines"]
    assert (await own.ask("GET", f"/ingest/v1/usage/records?statement_line={line['id']}")).status_code == 404
    assert (await own.ask("GET", "/ingest/v1/usage/records?statement_line=x")).status_code == 422
    weak = await give_key(client, "items:read")
    assert (await weak.ask("GET", "/ingest/v1/usage")).status_code == 403


async def test_a_threshold_is_told_once_a_period(world):
    agency = await world.operator.found_agency()
    client = await agency.add_client()
    await sign(client)
    async with open_receiver() as receiver:
        told = {"kind": "standard", "url": receiver.url, "events": ["usage.threshold"]}
        await agency.owner.call("POST", "/owner/v1/endpoints", told, 201)
        path = f"{client.base}/usage-thresholds"
        pieces = await agency.owner.call(
            "POST", path, {"kind": "quantity", "meter": "decision.human", "value": "5"}, 201
        )
        budget = await agency.owner.call("POST", path, {"kind": "budget", "value": "121.00"}, 201)
        assert [one["id"] for one in (await agency.owner.call("GET", path))["data"]] == [pieces["id"], budget["id"]]
        for quantity in (4, 1, 20):
            await count_on(world, client, TODAY, quantity)
            await watch(world, client)
        await world.drain()
        events = {call.headers["webhook-id"]: call.body for call in receiver.calls}
    figures = sorted((event["data"]["figures"] for event in events.values()), key=lambda one: one["kind"])
    assert figures == [
        {"kind": "budget", "value": "121", "reached": "123"},
        {"kind": "quantity", "value": "5", "reached": "5", "meter": "decision.human"},
    ]
    alerts = (await agency.owner.call("GET", f"{client.base}/usage-alerts"))["data"]
    assert [(one["threshold"], one["reached"]) for one in alerts] == [(pieces["id"], "5"), (budget["id"], "123")]
    await agency.owner.call("DELETE", f"{path}/{pieces['id']}", status=204)
    assert [one["id"] for one in (await agency.owner.call("GET", path))["data"]] == [budget["id"]]


async def watch(world, client):
    """The worker's next look, without the pause it keeps."""
    agency_id = await agency_of(world, client)
    worker_usage._packed_at.clear()
    assert await Drains(world.worker).run("usage", agency_id)
    rows = await world.fetch("SELECT packed FROM usage_sums WHERE agency_id = $1", agency_id)
    assert {row["packed"] for row in rows} == {True}
