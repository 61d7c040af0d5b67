"""A platform's own webhook: verified on raw bytes, then stored, then answered."""

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from fastapi import Request
from starlette.responses import Response

from veilleur.domain.intake.arrival import Arrival, Receipt
from veilleur.domain.intake.envelope import InboundEvent, InboundItem
from veilleur.domain.intake.sources.protocol import SOURCE_KINDS
from veilleur.domain.tenancy.lookup import FoundSource
from veilleur.infra.security.standard_webhooks import verify_dummy
from veilleur.kernel.clock import now
from veilleur.kernel.errors import NotFound, Unavailable
from veilleur.kernel.ids import parse_id, show_id
from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import Json, canonical_digest, strict_loads
from veilleur_api.answers import JsonAnswer
from veilleur_api.guard import PUBLIC, WEBHOOK_BODY, guarded_router, needs
from veilleur_api.ingest.documents import RECEIPTS, WEBHOOK_REQUEST
from veilleur_api.principals import get_parts

PAUSED_RETRY_S = 60


async def _signed_itself(_request: Request, _permission: str) -> None:
    """A webhook carries its proof in its signature, which the endpoint checks."""


router = guarded_router("/ingest/v1", _signed_itself, "webhooks", direct=True)
_gate = needs(PUBLIC, body=WEBHOOK_BODY)
_gate["openapi_extra"] |= WEBHOOK_REQUEST


@router.post("/sources/{source_id}", status_code=202, responses=RECEIPTS, **_gate)
async def receive_webhook(source_id: str, request: Request) -> Response:
    """Take one signed event of a source. `202` means stored for good; the same event again is a `duplicate`."""
    raw = await request.body()
    parts = get_parts(request)
    found = parse_id("src", source_id)
    source = await parts.lookups.find_source(found) if found is not None else None
    if source is None:
        verify_dummy(raw, request.headers, now())
        raise NotFound(msg("There is no source {id}", id=source_id[:64]))
    kind = SOURCE_KINDS[source.kind]
    webhook_id = kind.verify(raw, request.headers, source.secrets, now())
    payload = strict_loads(raw)
    event_type, events = kind.map_events(payload)
    refuse_paused(source)
    digest = _digest(event_type, events, payload)
    receipts = await parts.intake.submit(Arrival(source, tuple(events), webhook_id, digest))
    return answer_receipts(receipts)


def refuse_paused(source: FoundSource) -> None:
    """A paused source takes nothing in and loses nothing: senders keep what they have and try again."""
    if source.mode == "paused":
        raise Unavailable(msg("This source is paused; nothing was stored, try again later"), retry_after=PAUSED_RETRY_S)


def answer_receipts(receipts: list[Receipt]) -> Response:
    """`202 {"items": [...]}`"""
    return JsonAnswer({"items": [describe_receipt(receipt) for receipt in receipts]}, 202)


def _digest(event_type: str, events: Sequence[InboundEvent], payload: Json) -> bytes:
    """What a webhook id stands for. An item was digested already, all but its identity."""
    if len(events) == 1 and isinstance(events[0], InboundItem):
        item = events[0]
        return sha256(item.digest + json.dumps([event_type, item.external_id, item.revision]).encode()).digest()
    return canonical_digest({"type": event_type, "data": _data_of(payload)})


def _data_of(payload: Any) -> Any:
    return payload.get("data") if isinstance(payload, dict) else payload


def describe_receipt(receipt: Receipt) -> dict[str, Any]:
    return {
        "id": show_id("itm", receipt.item_id),
        "external_id": receipt.external_id,
        "revision": receipt.revision,
        "status": receipt.status,
        "interim": receipt.interim,
    }
