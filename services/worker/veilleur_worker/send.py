"""The network call of a delivery, between `begin_attempts` and `finish_attempt`, with no transaction open."""

import time
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

from opentelemetry.trace import SpanKind

from veilleur.domain.delivery.attempt import Attempt
from veilleur.domain.delivery.backoff import Result, read_retry_after
from veilleur.domain.delivery.payload import write_mail, write_post
from veilleur.infra.outbound.dial import EgressBlocked, OutboundError
from veilleur.infra.outbound.http import post_capped
from veilleur.infra.outbound.mail import send_mail
from veilleur.infra.tracing import continue_trace, fail_span, open_span, write_traceparent
from veilleur.kernel.clock import now
from veilleur.kernel.ids import show_id
from veilleur_worker.parts import Parts

TIMEOUT_S = 15.0
"""For the whole exchange; half of the lease, so that a sender never outlives its own."""
ANSWER_CAP = 16_384
"""Bytes that are read of an answer, and thrown away: read to its end, it leaves the connection free for the next."""
FIRST_REFUSAL = 400
MAIL_STEP_S = 4.0
"""For each step of an SMTP exchange."""


async def send(parts: Parts, agency_id: UUID, attempt: Attempt) -> Result:
    """POST one callback, or mail one notice; whatever happens becomes a result."""
    began = time.perf_counter()
    result = await (_mail(parts, attempt) if attempt.kind == "email" else _post(parts, agency_id, attempt))
    return replace(result, took_ms=round((time.perf_counter() - began) * 1_000))


async def _post(parts: Parts, agency_id: UUID, attempt: Attempt) -> Result:
    """In the trace of what it tells of, so that its sender sees one from its webhook to our callback."""
    with open_span(parts.tracer, "send callback", SpanKind.CLIENT, continue_trace(attempt.traceparent)) as span:
        result = await _call(parts, agency_id, attempt, write_traceparent(span))
        span.set_attributes(_describe(attempt, result))
        if result.status is None or result.status >= FIRST_REFUSAL:
            fail_span(span, result.error or str(result.status))
    return result


async def _call(parts: Parts, agency_id: UUID, attempt: Attempt, trace: Mapping[str, str]) -> Result:
    present = now()
    sealed = attempt.sealed_secrets if attempt.sealed_url is None else (*attempt.sealed_secrets, attempt.sealed_url)
    post = write_post(await parts.keyring.sealer_for(agency_id, sealed), agency_id, attempt, present)
    headers = post.headers if attempt.kind == "slack" else {**post.headers, **trace}
    try:
        reply = await post_capped(parts.http, post.url, post.body, headers, TIMEOUT_S, ANSWER_CAP)
    except EgressBlocked as blocked:
        return Result(error=blocked.reason, permanent=True)
    except OutboundError as error:
        return Result(error=error.reason)
    return Result(status=reply.status, retry_after_s=read_retry_after(reply.headers.get("retry-after"), present))


def _describe(attempt: Attempt, result: Result) -> dict[str, str | int]:
    """Our own ids and numbers; no address, which may be a secret."""
    described: dict[str, str | int] = {
        "messaging.operation.type": "send",
        "messaging.message.id": show_id("evt", attempt.event_id),
        "http.request.method": "POST",
        "http.request.resend_count": attempt.attempts - 1,
    }
    if result.status is not None:
        described["http.response.status_code"] = result.status
    return described


async def _mail(parts: Parts, attempt: Attempt) -> Result:
    settings = parts.settings
    if settings.smtp_url is None:
        return Result(error="no_smtp")
    mail = write_mail(attempt, settings.smtp_from)
    reply = await send_mail(settings.smtp_url.get_secret_value(), mail, MAIL_STEP_S)
    return Result(status=reply.status, error=reply.error, permanent=reply.permanent)
