"""One trace from a client's webhook to our callback, with a collector and without."""

import dataclasses
import json

import httpx
import pytest

from tests.domain.delivery.line import open_line
from tests.support.desk import refused_decisions
from tests.support.receiver import open_receiver
from tests.support.world import BASE_URL
from veilleur_api.app import create_app
from veilleur_worker.drains import Drains

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SENT = f"00-{TRACE}-{SPAN}-01"
OTHER = f"00-{TRACE[::-1]}-{SPAN}-01"


@pytest.fixture
async def receiver():
    async with open_receiver() as receiver:
        yield receiver


@pytest.fixture
async def line(world, receiver):
    return await open_line(world, receiver)


def item(**fields):
    return {"external_id": "c_1", "text": "bad", "author": {"external_id": "u_secret"}} | fields


async def post(client, sent, http=None, event="item.created", traceparent=SENT):
    """A signed webhook in a trace."""
    raw = json.dumps({"type": event, "timestamp": "2026-11-22T10:00:00Z", "data": sent}).encode()
    headers = client.sign(raw) | ({} if traceparent is None else {"traceparent": traceparent})
    answer = await (http or client.http).post(f"/ingest/v1/sources/{client.source['id']}", content=raw, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()["items"][0]


async def carry(line, worker=None):
    drains = Drains(worker or line.desk.world.worker)
    assert await drains.run("screening", line.desk.agency_id)
    await drains.run("delivery", line.desk.agency_id)


# --- Without a collector


async def test_the_callers_own_place_comes_back_on_the_callback_at_every_attempt(line, receiver):
    receiver.answer(500, 200)
    await post(line.desk.client, item())
    await carry(line)
    await line.desk.world.fetch("UPDATE deliveries SET due_at = app_now() WHERE agency_id = $1", line.desk.agency_id)
    await line.desk.world.fetch("UPDATE endpoints SET held_until = NULL WHERE agency_id = $1", line.desk.agency_id)
    await line.drain()
    assert [call.headers["traceparent"] for call in receiver.calls] == [SENT, SENT]


async def test_bulk_calls_carry_it_as_well_and_who_sends_none_gets_none(line, receiver):
    client = line.desk.client
    body = {"source": client.source["id"], "items": [item(external_id="c_bulk")]}
    await client.api.call("POST", "/ingest/v1/items", body, 202, traceparent=SENT)
    await post(client, item(external_id="c_none"), traceparent=None)
    await carry(line)
    seen = {call.body["data"]["item"]["external_id"]: call.headers.get("traceparent") for call in receiver.calls}
    assert seen == {"c_bulk": SENT, "c_none": None}


async def test_whoever_asks_again_has_the_answer_in_their_own_trace(line, receiver):
    await post(line.desk.client, item())
    await carry(line)
    await post(line.desk.client, item(text="bad, edited"), event="item.updated", traceparent=OTHER)
    await carry(line)
    assert [call.headers["traceparent"] for call in receiver.calls] == [SENT, OTHER]


@pytest.mark.parametrize(
    "malformed",
    ["", "x", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"ff-{TRACE}-{SPAN}-01", f"{SENT}-more",
     SENT.upper(), "00" * 3_000],
)  # fmt: skip
async def test_what_is_malformed_is_as_if_it_had_not_been_said(line, receiver, malformed):
    await post(line.desk.client, item(), traceparent=malformed)
    await carry(line)
    assert ["traceparent" in call.headers for call in receiver.calls] == [False]


# --- With one


@pytest.fixture
async def collected(world):
    """What would be exported; an application and a worker that trace; nothing of theirs stays."""
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `telemetry` is not installed")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter, tracers = memory.InMemorySpanExporter(), sdk.TracerProvider()
    tracers.add_span_processor(export.SimpleSpanProcessor(exporter))
    told = world.settings.model_copy(update={"otlp_url": "http://127.0.0.1:9/v1/traces"})
    parts = dataclasses.replace(world.parts, settings=told, tracers=tracers)
    worker = dataclasses.replace(world.worker, tracer=tracers.get_tracer("veilleur"))
    transport = httpx.ASGITransport(create_app(told, parts))
    async with httpx.AsyncClient(transport=transport, base_url=BASE_URL) as http:
        yield exporter, http, worker


def name_spans(exporter):
    spans = {}
    for span in exporter.get_finished_spans():
        spans.setdefault(span.name, []).append(span)
    return spans


async def test_a_collector_sees_one_trace_and_the_batch_linked_with_it(line, receiver, collected):
    exporter, http, worker = collected
    await post(line.desk.client, item(), http)
    await post(line.desk.client, item(external_id="c_2", text="bad too"), http, traceparent=OTHER)
    await carry(line, worker)
    spans = name_spans(exporter)
    taken = spans["POST /ingest/v1/sources/{source_id}"]
    assert {f"{span.context.trace_id:032x}" for span in taken} == {TRACE, TRACE[::-1]}
    assert {f"{span.parent.span_id:016x}" for span in taken} == {SPAN}
    [batch] = spans["screen items"]
    assert {link.context.span_id for link in batch.links} == {span.context.span_id for span in taken}
    assert batch.attributes["messaging.batch.message_count"] == 2
    parents = {span.context.trace_id: span.context.span_id for span in taken}
    for sent in spans["send callback"]:
        assert sent.parent.span_id == parents[sent.context.trace_id]
        assert sent.attributes["http.response.status_code"] == 200
    told = {call.headers["traceparent"] for call in receiver.calls}
    assert told == {f"00-{one.context.trace_id:032x}-{one.context.span_id:016x}-01" for one in spans["send callback"]}


async def test_a_callback_that_fails_says_so_and_no_span_names_anybody(line, receiver, collected):
    exporter, http, worker = collected
    receiver.answer(503)
    await post(line.desk.client, item(external_id="c_secret", text="bad secret"), http)
    await carry(line, worker)
    [sent] = name_spans(exporter)["send callback"]
    assert (sent.attributes["http.response.status_code"], sent.status.is_ok) == (503, False)
    written = "".join(span.to_json() for span in exporter.get_finished_spans() if "POST" not in span.name)
    for private in ("secret", str(receiver.port), line.desk.client.id):
        assert private not in written


async def test_a_batch_that_fails_leaves_the_kind_of_its_error_and_not_its_text(line, collected):
    exporter, http, worker = collected
    await post(line.desk.client, item(text="bad secret"), http)
    async with refused_decisions(line.desk):
        await Drains(worker).run("screening", line.desk.agency_id)
    batch = name_spans(exporter)["screen items"][0]
    assert (batch.status.is_ok, batch.status.description, batch.attributes["error.type"]) == (False, None, "DBAPIError")
    assert "secret" not in batch.to_json()


async def test_who_sends_no_trace_gets_ours_to_go_on_with(line, receiver, collected):
    exporter, http, worker = collected
    await post(line.desk.client, item(), http, traceparent=None)
    await carry(line, worker)
    [taken] = name_spans(exporter)["POST /ingest/v1/sources/{source_id}"]
    [call] = receiver.calls
    assert call.headers["traceparent"].split("-")[1] == f"{taken.context.trace_id:032x}"


async def test_an_erased_item_forgets_the_trace_it_came_in(line):
    await post(line.desk.client, item())
    await line.desk.world.drain()
    assert await line.desk.count("items", "traceparent IS NOT NULL") == 1
    await line.desk.client.api.call("DELETE", "/ingest/v1/authors/u_secret", status=202)
    for kind in ("screening", "erasure", "screening", "erasure"):
        assert await Drains(line.desk.world.worker).run(kind, line.desk.agency_id)
    assert await line.desk.count("items", "traceparent IS NOT NULL") == 0
