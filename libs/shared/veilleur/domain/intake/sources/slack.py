"""Slack Events API: `X-Slack-Signature: v0=<hex>` over `v0:{timestamp}:{body}`, fresh within five minutes.

A message is known by team, channel and `ts`, which Slack keeps over edits. Slack waits three seconds and tries three
times; the same `event_id` comes back each time. https://docs.slack.dev/authentication/verifying-requests-from-slack/
"""

from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_text, read_unix_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import hex_digest, read_header, require_digest, require_fresh
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json

TOLERANCE_S = 300


class SlackSettings(Settings):
    signing_secret: Annotated[str, Field(min_length=16, max_length=200)]
    private_messages: bool = False


def verify(delivery: Delivery, known: Known, now: datetime) -> None:
    timestamp = read_header(delivery.headers, "x-slack-request-timestamp")
    signature = read_header(delivery.headers, "x-slack-signature", "v0=")
    require_fresh(timestamp, now, TOLERANCE_S)
    require_digest(signature, known.secrets, b"v0:" + timestamp.encode() + b":" + delivery.raw)


def shake_signed(_delivery: Delivery, payload: Json) -> Reply | None:
    if dig(payload, "type") != "url_verification":
        return None
    return Reply(200, (read_text(payload, "challenge") or "").encode(), "text/plain")


def delivery_key(_delivery: Delivery, payload: Json) -> str | None:
    return read_id(payload, "event_id")


def map_events(_delivery: Delivery, payload: Json, known: Known) -> list[Mapped]:
    event = dig(payload, "event")
    if dig(payload, "type") != "event_callback" or dig(event, "type") != "message":
        return []
    if dig(event, "channel_type") in {"im", "mpim"} and not known.settings.get("private_messages"):
        return []
    subtype = dig(event, "subtype")
    if subtype == "message_deleted":
        key = _key(payload, read_id(event, "deleted_ts"))
        return [Mapped("item.deleted", {"external_id": key})] if key else []
    changed = subtype == "message_changed"
    message = dig(event, "message") if changed else event
    if not changed and subtype not in {None, "file_share", "thread_broadcast", "me_message", "bot_message"}:
        return []
    key, text = _key(payload, read_id(message, "ts")), read_text(message, "text")
    if key is None or text is None:
        return []
    return [Mapped("item.updated" if changed else "item.created", _item(key, text, event, message))]


def sample(_known: Known) -> Json:
    event = {"type": "message", "channel": "C024BE91L", "channel_type": "channel", "user": "U2147483697"}
    said = {"text": "A message of a test", "ts": "1355517523.000005"}
    return {"type": "event_callback", "team_id": "T061EG9R6", "event_id": "Ev0PV52K21", "event": {**event, **said}}


def sign(raw: bytes, known: Known, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    digest = hex_digest(known.secrets[0], b"v0:" + stamp.encode() + b":" + raw)
    return {"x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}"}


def explain(url: str) -> list[Message]:
    return [
        msg("In your app's settings at api.slack.com/apps, open “Event Subscriptions” and switch it on"),
        msg("Enter {url} as the Request URL; Slack checks it at once", url=url),
        msg("Subscribe to the bot events message.channels and, for private channels, message.groups, then save"),
        msg("Invite the app to every channel that is to be moderated"),
    ]


def _key(payload: Json, ts: str | None) -> str | None:
    team, channel = read_id(payload, "team_id"), read_id(payload, "event", "channel")
    return f"{team}:{channel}:{ts}" if team and channel and ts else None


def _item(key: str, text: str, event: Json, message: Json) -> dict[str, Json]:
    return drop_empty(
        {
            "external_id": key,
            "kind": "message",
            "text": text,
            "created_at": read_unix_time(message, "ts"),
            "author": {"external_id": read_id(message, "user") or read_id(message, "bot_id")},
            "context": {"channel": read_id(event, "channel"), "thread_id": read_id(message, "thread_ts")},
        }
    )


PLATFORM = Platform(
    settings=SlackSettings,
    proven_by="signing_secret",
    accepted=Reply(200),
    shake_signed=shake_signed,
    delivery_key=delivery_key,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
