"""A platform's own webhook: verified on raw bytes, then stored, then answered as that platform wants it."""

from dataclasses import replace
from typing import Any

import structlog
from fastapi import Request
from starlette.responses import Response

from veilleur.domain.intake.arrival import Receipt
from veilleur.domain.intake.sources.protocol import Delivery, Reply
from veilleur.domain.intake.sources.reception import greet, read_delivery
from veilleur.domain.intake.sources.registry import PLATFORMS
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.infra.security.standard_webhooks import verify_dummy
from veilleur.infra.tracing import TRACEPARENT, find_traceparent
from veilleur.kernel.clock import now
from veilleur.kernel.errors import NotFound, Problem, Unauthenticated, Unavailable
from veilleur.kernel.ids import parse_id, show_id
from veilleur.kernel.messages import msg
from veilleur_api.answers import JsonAnswer
from veilleur_api.guard import PUBLIC, WEBHOOK_BODY, guarded_router, needs
from veilleur_api.ingest.documents import HANDSHAKE, RECEIPTS, WEBHOOK_REQUEST
from veilleur_api.parts import Parts
from veilleur_api.principals import get_parts

_log = structlog.get_logger(__name__)


async def _signed_itself(_request: Request, _permission: str) -> None:
    """A webhook carries its proof in its signature, which the endpoint checks."""


router = guarded_router("/ingest/v1", _signed_itself, "webhooks", direct=True)
_gate = needs(PUBLIC, body=WEBHOOK_BODY)
_gate["openapi_extra"] |= WEBHOOK_REQUEST


@router.post("/sources/{source_id}", status_code=202, responses=RECEIPTS, **_gate)
async def receive_webhook(source_id: str, request: Request) -> Response:
    """Take one delivery, proven as the source's kind proves it. `202`, or what else the platform wants to hear, means
    stored for good; the same again is a `duplicate`.
    """
    raw = await request.body()
    parts = get_parts(request)
    source = await _find_source(parts, source_id)
    if source is None:
        verify_dummy(raw, request.headers, now())
        await parts.holdback.hold(None, len(raw))
        raise NotFound(msg("There is no source {id}", id=source_id[:64]))
    delivery = Delivery("POST", request.query_params, request.headers, raw)
    try:
        return await _take(parts, source, delivery, find_traceparent(request.headers.getlist(TRACEPARENT)))
    except Problem as problem:
        if problem.status < 500:
            parts.unstored.note_refused(source, delivery, problem)
        if isinstance(problem, Unauthenticated):
            await parts.holdback.hold(source.source_id, len(raw))
        raise
    except Exception as error:
        if not PLATFORMS[source.kind].forgiving:
            raise
        _log.error("webhook_failed", source_id=source_id, error=type(error).__name__, exc_info=error)
        raise Unavailable(msg("A part of the service is away; try again")) from error


@router.get("/sources/{source_id}", responses=HANDSHAKE, **needs(PUBLIC))
async def answer_handshake(source_id: str, request: Request) -> Response:
    """Prove to a platform that asks over GET that this address is ours: Meta, X, LinkedIn."""
    source = await _find_source(get_parts(request), source_id)
    delivery = Delivery("GET", request.query_params, request.headers, b"")
    reply = greet(source, delivery) if source is not None else None
    if reply is None:
        raise NotFound(msg("There is no handshake to answer here"))
    return _answer(reply)


def answer_receipts(receipts: list[Receipt]) -> Response:
    """`202 {"items": [...]}`"""
    return JsonAnswer({"items": [describe_receipt(receipt) for receipt in receipts]}, 202)


def describe_receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "id": show_id("itm", receipt.item_id),
        "external_id": receipt.external_id,
        "revision": receipt.revision,
        "status": receipt.status,
        "interim": receipt.interim,
    }


async def _find_source(parts: Parts, shown: str) -> FoundSource | None:
    found = parse_id("src", shown)
    return await parts.lookups.find_source(found) if found is not None else None


async def _take(parts: Parts, source: FoundSource, delivery: Delivery, traceparent: str | None) -> Response:
    arrival = read_delivery(source, delivery, now())
    if isinstance(arrival, Reply):
        return _answer(arrival)
    if arrival.events:
        receipts = await parts.gate.take_in(replace(arrival, traceparent=traceparent) if traceparent else arrival)
    else:
        receipts = []
        parts.unstored.note_ignored(source, delivery)
    accepted = PLATFORMS[source.kind].accepted
    return _answer(accepted) if accepted is not None else answer_receipts(receipts)


def _answer(reply: Reply) -> Response:
    """The type is sent as it is: some platforms compare it whole."""
    headers = {"x-content-type-options": "nosniff"} | ({"content-type": reply.media_type} if reply.media_type else {})
    return Response(reply.body, reply.status, headers)
