"""Standard Webhooks 1.0.0: `webhook-id`, `webhook-timestamp`, `webhook-signature` over `{id}.{timestamp}.{body}`."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from veilleur.domain.intake.envelope import InboundEvent, read_envelope
from veilleur.infra.security.standard_webhooks import verify_webhook


def verify(raw: bytes, headers: Mapping[str, str], secrets: Sequence[bytes], now: datetime) -> str:
    return verify_webhook(raw, headers, secrets, now)


def map_events(payload: object) -> tuple[str, list[InboundEvent]]:
    event_type, event = read_envelope(payload)
    return event_type, [event]
