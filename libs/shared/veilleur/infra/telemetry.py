"""Logs: one constant event name `noun_verbed`, ids as key-values; never content, bodies or secrets.

Where traces are exported, a line names the trace it was written in.
"""

import logging
import sys
from typing import Literal

import structlog
from opentelemetry.trace import get_current_span


def set_up_logs(log_format: Literal["console", "json"]) -> None:
    """Route structlog and the libraries' logging to stdout in one form."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        name_trace,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            colors=sys.stdout.isatty(),
            pad_event_to=0,
            # The default one prints local variables: content and secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
        if log_format == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer]
        if log_format == "json"
        else [*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, stream=sys.stdout, format="%(levelname)s %(name)s %(message)s")


def name_trace(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """One name for the trace, its spans and our lines."""
    here = get_current_span().get_span_context()
    if here.is_valid:
        event["trace_id"] = f"{here.trace_id:032x}"
    return event
