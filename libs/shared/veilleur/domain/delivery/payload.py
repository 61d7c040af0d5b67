"""What goes out in an attempt: the event's own bytes, signed anew, or a sentence about it; pure."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from veilleur.domain.delivery.attempt import Attempt
from veilleur.domain.delivery.notice import write_notice
from veilleur.domain.outbox.endpoints import endpoint_aad, url_aad
from veilleur.infra.outbound.mail import Mail
from veilleur.infra.security.sealing import Sealer
from veilleur.infra.security.standard_webhooks import sign_webhook
from veilleur.kernel.ids import show_id


@dataclass(frozen=True, slots=True)
class Post:
    url: str
    body: bytes
    headers: dict[str, str]


def write_post(sealer: Sealer, agency_id: UUID, attempt: Attempt, present: datetime) -> Post:
    """What to send: `webhook-id` and body are the same at every attempt, the timestamp is of this one.

    A chat is sent `{"text": …}`, as Slack and those compatible with it read: their URL is the secret.
    """
    if attempt.kind == "slack":
        chat = {"text": _escape(write_notice(attempt.body, attempt.language)[1])}
        body = json.dumps(chat, ensure_ascii=False).encode()
        return Post(_open_url(sealer, agency_id, attempt), body, {"content-type": "application/json"})
    aad = endpoint_aad(agency_id, attempt.endpoint_id)
    secrets = [sealer.open(sealed, aad) for sealed in attempt.sealed_secrets]
    body = attempt.body.encode()
    signed = sign_webhook(body, show_id("evt", attempt.event_id), int(present.timestamp()), secrets)
    return Post(attempt.url, body, {**signed, "content-type": "application/json"})


def write_mail(attempt: Attempt, sender: str) -> Mail:
    """The `Message-ID` is of the event: a mail sent twice can be told."""
    subject, text = write_notice(attempt.body, attempt.language)
    name = f"<{show_id('evt', attempt.event_id)}@{sender.rpartition('@')[2]}>"
    return Mail(sender, attempt.url.removeprefix("mailto:"), subject, text, name)


def _open_url(sealer: Sealer, agency_id: UUID, attempt: Attempt) -> str:
    """One from before they were sealed stands in clear."""
    if attempt.sealed_url is None:
        return attempt.url
    return sealer.open(attempt.sealed_url, url_aad(agency_id, attempt.endpoint_id)).decode()


def _escape(text: str) -> str:
    """Slack's three characters: a client's name makes no link and calls no channel."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
