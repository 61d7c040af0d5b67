"""Traces leave only where a collector is named, and tell routes, never places."""

import sys

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.trace import NoOpTracerProvider, SpanKind

from veilleur.infra.telemetry import name_trace
from veilleur.infra.tracing import (
    MOST_LINKS,
    HidePlaces,
    build_tracers,
    continue_trace,
    find_traceparent,
    link_traces,
    open_span,
    write_traceparent,
)

SENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_without_a_collector_nothing_is_traced_and_nothing_imported():
    assert isinstance(build_tracers(None, "api"), NoOpTracerProvider)


def test_without_the_extra_a_sentence_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(RuntimeError, match=r"veilleur\[telemetry\]"):
        build_tracers("http://127.0.0.1:9/v1/traces", "api")


def test_a_line_of_the_log_names_the_trace_it_was_written_in_and_none_outside():
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `telemetry` is not installed")
    tracer = sdk.TracerProvider().get_tracer("x")
    assert name_trace(None, "info", {"event": "x"}) == {"event": "x"}
    with open_span(tracer, "drain x") as span:
        told = name_trace(None, "info", {"event": "x"})
    assert told == {"event": "x", "trace_id": f"{span.get_span_context().trace_id:032x}"}


def test_without_a_collector_a_trace_is_passed_on_as_it_came():
    tracer = build_tracers(None, "worker").get_tracer("x")
    for kept, header in ((SENT, {"traceparent": SENT}), (None, {})):
        with open_span(tracer, "send callback", SpanKind.CLIENT, continue_trace(kept)) as span:
            assert write_traceparent(span) == header


@given(st.text(max_size=60) | st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?", fullmatch=True))
def test_what_is_kept_of_a_header_fits_and_can_be_gone_on_with(header):
    kept = find_traceparent([header])
    assert kept is None or (len(kept) == 55 and find_traceparent([kept]) == kept)
    assert find_traceparent([header, header]) is None


def test_a_batch_names_no_more_traces_than_a_span_may_hold():
    assert len(link_traces([SENT] * 1_000)) == MOST_LINKS


async def test_a_span_tells_the_route_and_neither_path_nor_query():
    sdk = pytest.importorskip("opentelemetry.sdk.trace", reason="the extra `telemetry` is not installed")
    export = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    exporter, tracers = memory.InMemorySpanExporter(), sdk.TracerProvider()
    tracers.add_span_processor(HidePlaces())
    tracers.add_span_processor(export.SimpleSpanProcessor(exporter))
    app = FastAPI(telemetry={"tracer_provider": tracers, "metrics": False, "logs": False, "operation_spans": False})

    @app.get("/items/{item_id}")
    async def look(item_id: str) -> str:
        return item_id

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as http:
        await http.get("/items/secret-id?author=secret-person")
    [span] = exporter.get_finished_spans()
    assert span.attributes["http.route"] == "/items/{item_id}"
    assert "secret" not in str(dict(span.attributes)) + span.name
