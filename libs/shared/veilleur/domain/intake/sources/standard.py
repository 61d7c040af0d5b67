"""Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp`, `webhook-signature` over `{id}.{timestamp}.{body}`."""

import json
import secrets as randomness
from collections.abc import Sequence
from datetime import datetime
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.envelope import InboundEvent, InboundItem, read_envelope
from veilleur.domain.intake.sources.protocol import Delivery, Known, Platform
from veilleur.domain.intake.sources.reading import dig
from veilleur.domain.intake.sources.settings import Settings
from veilleur.infra.security.standard_webhooks import (
    ID_HEADER,
    new_webhook_secret,
    parse_webhook_secret,
    sign_webhook,
    verify_webhook,
)
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json, canonical_digest


class StandardSettings(Settings):
    secret: Annotated[str, Field(max_length=200, default_factory=new_webhook_secret)]


def verify(delivery: Delivery, known: Known, now: datetime) -> None:
    verify_webhook(delivery.raw, delivery.headers, known.secrets, now)


def delivery_key(delivery: Delivery, _payload: Json) -> str | None:
    return delivery.headers.get(ID_HEADER)


def read_events(_delivery: Delivery, payload: Json, _known: Known) -> list[InboundEvent]:
    _, event = read_envelope(payload)
    return [event]


def digest_events(payload: Json, events: Sequence[InboundEvent]) -> bytes:
    """What a webhook id stands for. An item was digested already, all but its identity."""
    event_type = dig(payload, "type")
    if len(events) == 1 and isinstance(events[0], InboundItem):
        item = events[0]
        return sha256(item.digest + json.dumps([event_type, item.external_id, item.revision]).encode()).digest()
    return canonical_digest({"type": event_type, "data": dig(payload, "data")})


def sample(_known: Known) -> Json:
    return {"type": "item.created", "data": {"external_id": "veilleur-test", "text": "A comment of a test"}}


def sign(raw: bytes, known: Known, now: datetime) -> dict[str, str]:
    return sign_webhook(raw, f"test_{randomness.token_hex(12)}", int(now.timestamp()), known.secrets[:1])


def explain(url: str) -> list[Message]:
    return [
        msg("Sign every POST as Standard Webhooks 1.0.0 says: webhook-id, webhook-timestamp, webhook-signature"),
        msg("The key is the part of the secret after whsec_, decoded from base64"),
        msg("Send an event, its type and its data, to {url}; 202 means it is kept for good", url=url),
        msg("Repeat with the same webhook-id on any other answer than 2xx or 4xx"),
    ]


PLATFORM = Platform(
    settings=StandardSettings,
    proven_by="secret",
    forgiving=False,
    verify=verify,
    read_events=read_events,
    delivery_key=delivery_key,
    digest=digest_events,
    explain=explain,
    sample=sample,
    sign=sign,
    read_secret=parse_webhook_secret,
)
