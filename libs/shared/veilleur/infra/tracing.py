"""Traces, where the settings name a collector: FastAPI's own spans of requests, and one of ours for each drain.

Queries and paths may hold the ids that clients give their people, so spans keep the route and neither of the two. Needs
the extra `telemetry`; without a collector nothing of it is imported.
"""

from opentelemetry.context import Context
from opentelemetry.trace import NoOpTracerProvider, Span, TracerProvider

HIDDEN = ("url.query", "url.path")


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


def build_tracers(otlp_url: str | None, service: str) -> TracerProvider:
    """Spans go to `otlp_url` (OTLP over HTTP, `http://collector:4318/v1/traces`), or nowhere without one."""
    if otlp_url is None:
        return NoOpTracerProvider()
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider as Tracers  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise RuntimeError("VEILLEUR_OTLP_URL needs the extra: pip install 'veilleur[telemetry]'") from error
    tracers: TracerProvider = Tracers(resource=Resource.create({"service.name": service}))
    tracers.add_span_processor(HidePlaces())  # type: ignore[attr-defined]  # the SDK's, not the API's
    tracers.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=otlp_url, timeout=5)))  # type: ignore[attr-defined]
    return tracers
