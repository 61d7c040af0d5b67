"""Traces, where the settings name a collector: FastAPI's own spans of requests, ours for what the worker does.

Queries and paths may hold the ids that clients give their people, so spans keep the route and neither of the two. Needs
the extra `telemetry`; without a collector nothing of it is imported.

A caller's place in its own trace (W3C Trace Context, `traceparent`) is kept with what it sent and passed on with what
comes of it, collector or not: without one every span is the caller's own.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    NoOpTracerProvider,
    Span,
    SpanContext,
    SpanKind,
    StatusCode,
    Tracer,
    TracerProvider,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

HIDDEN = ("url.query", "url.path")
TRACEPARENT: Final = "traceparent"
MOST_LINKS = 256
"""Of one span: a batch names every trace it took something from."""
MOST_CHARACTERS = 512
"""Of a header: what a later version of the format may append is left out, and a book is not read."""

_FORMAT = TraceContextTextMapPropagator()


class HidePlaces:
    """A span processor: what it overwrites at the start is never exported."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002 - the SDK's signature
        for name in HIDDEN:
            if name in (getattr(span, "attributes", None) or {}):
                span.set_attribute(name, "-")

    def on_end(self, span: object) -> None:
        pass

    def _on_ending(self, span: object) -> None:
        pass

    def shutdown(self) -> None:
        pass

    def force_flush(self, timeout_millis: int = 30_000) -> bool:  # noqa: ARG002 - the SDK's signature
        return True


@contextmanager
def open_span(
    tracer: Tracer, name: str, kind: SpanKind = SpanKind.INTERNAL, context: Context | None = None
) -> Iterator[Span]:
    """A span that a failure leaves its class on, and not its text: that may hold what somebody wrote."""
    with tracer.start_as_current_span(
        name, context, kind, record_exception=False, set_status_on_exception=False
    ) as span:
        try:
            yield span
        except Exception as error:
            fail_span(span, type(error).__name__)
            raise


def fail_span(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(StatusCode.ERROR)


def find_traceparent(sent: list[str]) -> str | None:
    """Where what happens now stands in a trace: our own span, else the caller's, as its `traceparent` headers say.

    Malformed, or said twice, it is as if it had not been said (W3C Trace Context, 3.2 and 4.3).
    """
    here = get_current_span().get_span_context()
    if here.is_valid:
        return _write(here)
    return _write(_read(sent[0])) if len(sent) == 1 and len(sent[0]) <= MOST_CHARACTERS else None


def continue_trace(traceparent: str | None) -> Context:
    """The context in which to go on with what was kept; without one a trace begins."""
    return Context() if traceparent is None else set_span_in_context(NonRecordingSpan(_read(traceparent)), Context())


def link_traces(traceparents: Iterable[str]) -> list[Link]:
    """What a batch is linked with: it has many causes and can be the child of none."""
    return [Link(_read(one)) for one in list(traceparents)[:MOST_LINKS]]


def write_traceparent(span: Span) -> dict[str, str]:
    """The header that lets a receiver go on; none outside of any trace."""
    written = _write(span.get_span_context())
    return {} if written is None else {TRACEPARENT: written}


def build_tracers(otlp_url: str | None, service: str) -> TracerProvider:
    """Spans go to `otlp_url` (OTLP over HTTP, `http://collector:4318/v1/traces`), or nowhere without one."""
    if otlp_url is None:
        return NoOpTracerProvider()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import SpanLimits  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider as Tracers  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeError("VEILLEUR_OTLP_URL needs the extra: pip install 'veilleur[telemetry]'") from error
    limits = SpanLimits(max_links=MOST_LINKS)
    tracers: TracerProvider = Tracers(resource=Resource.create({"service.name": service}), span_limits=limits)
    tracers.add_span_processor(HidePlaces())  # type: ignore[attr-defined]  # the SDK's, not the API's
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_url, timeout=5)))  # type: ignore[attr-defined]
    return tracers


def _read(header: str) -> SpanContext:
    return get_current_span(_FORMAT.extract({TRACEPARENT: header}, Context())).get_span_context()


def _write(here: SpanContext) -> str | None:
    return f"00-{here.trace_id:032x}-{here.span_id:016x}-{here.trace_flags:02x}" if here.is_valid else None
