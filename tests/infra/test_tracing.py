"""Traces leave only where a collector is named, and tell routes, never places."""

import sys

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.trace import NoOpTracerProvider

from veilleur.infra.tracing import HidePlaces, build_tracers


def test_without_a_collector_nothing_is_traced_and_nothing_imported():
    assert isinstance(build_tracers(None, "api"), NoOpTracerProvider)


def test_without_the_extra_a_sentence_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(RuntimeError, match=r"veilleur\[telemetry\]"):
        build_tracers("http://127.0.0.1:9/v1/traces", "api")


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
