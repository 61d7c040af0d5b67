"""Twitch EventSub: `Twitch-Eventsub-Message-Signature: sha256=<hex>` over id, timestamp and body, joined by nothing.

Bytes could move between the three, so the forms of id and timestamp are checked first. Older than ten minutes is
refused. A message that AutoMod holds expires by itself within minutes.
https://dev.twitch.tv/docs/eventsub/handling-webhook-events
"""

import re
import secrets as randomness
from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_text, read_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import NO_MATCH, hex_digest, read_header, refuse, require_digest
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json

TOLERANCE_S = 600


class TwitchSettings(Settings):
    secret: Annotated[str, Field(pattern=r"^[!-~]{10,100}$", default_factory=randomness.token_urlsafe)]


def verify(delivery: Delivery, known: Known, now: datetime) -> None:
    number = read_header(delivery.headers, "twitch-eventsub-message-id")
    timestamp = read_header(delivery.headers, "twitch-eventsub-message-timestamp")
    signature = read_header(delivery.headers, "twitch-eventsub-message-signature", "sha256=")
    if not (_MESSAGE_ID.fullmatch(number) and _TIMESTAMP.fullmatch(timestamp)):
        refuse(NO_MATCH)
    try:
        sent_at = datetime.fromisoformat(f"{timestamp[:19]}+00:00")
    except ValueError:
        refuse(NO_MATCH)
    if abs((now - sent_at).total_seconds()) > TOLERANCE_S:
        refuse(msg("The delivery is more than {seconds} seconds away from our clock", seconds=TOLERANCE_S))
    require_digest(signature, known.secrets, number.encode() + timestamp.encode() + delivery.raw)


def shake_signed(delivery: Delivery, payload: Json) -> Reply | None:
    if delivery.headers.get("twitch-eventsub-message-type") != "webhook_callback_verification":
        return None
    return Reply(200, (read_text(payload, "challenge") or "").encode(), "text/plain")


def delivery_key(delivery: Delivery, _payload: Json) -> str | None:
    return delivery.headers.get("twitch-eventsub-message-id")


def map_events(delivery: Delivery, payload: Json, _known: Known) -> list[Mapped]:
    """A held message that was approved there needs nothing; one denied or expired is gone."""
    if delivery.headers.get("twitch-eventsub-message-type") != "notification":
        return []
    event, kind = dig(payload, "event"), dig(payload, "subscription", "type")
    number = read_id(event, "message_id")
    if number is None:
        return []
    if kind in {"automod.message.hold", "channel.chat.message"}:
        item = _item(event, number, held=kind == "automod.message.hold")
        return [Mapped("item.created", item)] if item else []
    gone = kind == "automod.message.update" and str(dig(event, "status")).lower() in {"denied", "expired"}
    if gone or kind == "channel.chat.message_delete":
        return [Mapped("item.deleted", {"external_id": number})]
    return []


def sample(_known: Known) -> Json:
    event: Json = {
        "message_id": "2be25c2f-6d5a-4c0e-8f7a-0d6a1c7b7d5e",
        "message": {"text": "A message of a test"},
        "user_id": "4242",
        "user_name": "tester",
        "broadcaster_user_id": "1971641",
        "automod": {"category": "aggressive", "level": 1},
    }
    return {"subscription": {"type": "automod.message.hold"}, "event": event}


def sign(raw: bytes, known: Known, now: datetime) -> dict[str, str]:
    number, stamp = randomness.token_hex(16), now.strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = hex_digest(known.secrets[0], number.encode() + stamp.encode() + raw)
    return {
        "twitch-eventsub-message-type": "notification",
        "twitch-eventsub-message-id": number,
        "twitch-eventsub-message-timestamp": stamp,
        "twitch-eventsub-message-signature": f"sha256={digest}",
    }


def explain(url: str) -> list[Message]:
    return [
        msg("With your app's token create the EventSub subscriptions automod.message.hold and automod.message.update"),
        msg("Give {url} as the callback and the secret shown here, once; Twitch checks it at once", url=url),
        msg("For all chat, not only what AutoMod holds, subscribe to channel.chat.message as well"),
    ]


_MESSAGE_ID = re.compile(r"[A-Za-z0-9_=-]{1,128}")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def _item(event: Json, number: str, *, held: bool) -> dict[str, Json] | None:
    message = dig(event, "message")
    text = message if isinstance(message, str) else read_text(message, "text")
    if not text:
        return None
    who = "user" if held else "chatter_user"
    return drop_empty(
        {
            "external_id": number,
            "kind": "message",
            "text": text,
            "created_at": read_time(event, "held_at"),
            "author": {
                "external_id": read_id(event, f"{who}_id"),
                "display_name": read_text(event, f"{who}_name", limit=256),
            },
            "context": {"channel": read_id(event, "broadcaster_user_id")},
            "metadata": {
                "held": held,
                "automod_category": read_text(event, "automod", "category") or read_text(event, "category"),
            },
        }
    )


PLATFORM = Platform(
    settings=TwitchSettings,
    proven_by="secret",
    accepted=Reply(204),
    shake_signed=shake_signed,
    delivery_key=delivery_key,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
