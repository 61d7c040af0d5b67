"""What goes out in an attempt: the event's own bytes, signed anew; pure."""

from datetime import datetime
from uuid import UUID

from veilleur.domain.delivery.attempt import Attempt
from veilleur.domain.outbox.endpoints import endpoint_aad
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.security.standard_webhooks import sign_webhook
from veilleur.kernel.ids import show_id


def sign_attempt(sealer: Sealer, agency_id: UUID, attempt: Attempt, present: datetime) -> tuple[bytes, dict[str, str]]:
    """Body and headers: `webhook-id` and body are the same at every attempt, the timestamp is of this one."""
    aad = endpoint_aad(agency_id, attempt.endpoint_id)
    secrets = [sealer.open(sealed, aad) for sealed in attempt.sealed_secrets]
    body = attempt.body.encode()
    signed = sign_webhook(body, show_id("evt", attempt.event_id), int(present.timestamp()), secrets)
    return body, {**signed, "content-type": "application/json"}
