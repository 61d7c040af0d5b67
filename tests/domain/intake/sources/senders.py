"""Each platform as a sender: a genuine delivery, made with software or vectors that are not ours where there are any."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from nacl.signing import SigningKey
from slack_sdk.signature import SignatureVerifier

from veilleur.domain.intake.sources.protocol import Delivery, Known

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SECRET = b"a-secret-of-the-platform-0123456789"
DISCORD_KEY = SigningKey(hashlib.sha256(SECRET).digest())


@dataclass(frozen=True, slots=True)
class Sender:
    """`signed` names the header of the proof, `fresh` the one of the time, `covered` others the proof covers."""

    send: Callable[[bytes], Delivery]
    known: Known
    signed: str
    fresh: str | None = None
    covered: tuple[str, ...] = ()
    body: bytes = b'{"hello":"world"}'


def post(raw: bytes, **headers: str) -> Delivery:
    return Delivery("POST", {}, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def hexed(content: bytes, secret: bytes = SECRET) -> str:
    return hmac.new(secret, content, hashlib.sha256).hexdigest()


def send_slack(raw: bytes) -> Delivery:
    signature = SignatureVerifier(SECRET.decode()).generate_signature(timestamp=STAMP, body=raw)
    return post(raw, x_slack_request_timestamp=STAMP, x_slack_signature=signature or "")


def send_discord(raw: bytes) -> Delivery:
    signature = DISCORD_KEY.sign(STAMP.encode() + raw).signature.hex()
    return post(raw, x_signature_ed25519=signature, x_signature_timestamp=STAMP)


def send_twitch(raw: bytes) -> Delivery:
    number, stamp = f"befa7b53-{hexed(raw)[:12]}", "2026-11-22T10:00:00.123456789Z"
    return post(
        raw,
        twitch_eventsub_message_id=number,
        twitch_eventsub_message_timestamp=stamp,
        twitch_eventsub_message_type="notification",
        twitch_eventsub_message_signature=f"sha256={hexed(number.encode() + stamp.encode() + raw)}",
    )


def send_x(raw: bytes) -> Delivery:
    digest = base64.b64encode(hmac.new(SECRET, raw, hashlib.sha256).digest()).decode()
    return post(raw, x_twitter_webhooks_signature=f"sha256={digest}")


def send_tiktok(raw: bytes) -> Delivery:
    return post(raw, tiktok_signature=f"t={STAMP},s={hexed(STAMP.encode() + b'.' + raw)}")


def send_discourse(raw: bytes) -> Delivery:
    return post(
        raw,
        x_discourse_instance="https://forum.example",
        x_discourse_event_type="post",
        x_discourse_event="post_created",
        x_discourse_event_signature=f"sha256={hexed(raw)}",
    )


SENDERS: dict[str, Sender] = {
    "slack": Sender(send_slack, Known([SECRET]), "x-slack-signature", "x-slack-request-timestamp"),
    "discord": Sender(
        send_discord, Known([DISCORD_KEY.verify_key.encode().hex().encode()]), "x-signature-ed25519",
        covered=("x-signature-timestamp",),
    ),
    "telegram": Sender(
        lambda raw: post(raw, x_telegram_bot_api_secret_token=SECRET.decode()), Known([SECRET]),
        "x-telegram-bot-api-secret-token",
    ),
    "discourse": Sender(send_discourse, Known([SECRET]), "x-discourse-event-signature"),
    "meta": Sender(
        lambda raw: post(raw, x_hub_signature_256=f"sha256={hexed(raw)}"),
        Known([SECRET], {"verify_token": "meatyhamhock", "accounts": ["448242228374517", "178"]}), "x-hub-signature-256",
    ),
    "twitch": Sender(
        send_twitch, Known([SECRET]), "twitch-eventsub-message-signature", "twitch-eventsub-message-timestamp",
        covered=("twitch-eventsub-message-id",),
    ),
    "mastodon": Sender(lambda raw: post(raw, x_hub_signature=f"sha256={hexed(raw)}"), Known([SECRET]), "x-hub-signature"),
    "x": Sender(send_x, Known([SECRET]), "x-twitter-webhooks-signature"),
    "linkedin": Sender(
        lambda raw: post(raw, x_li_signature=hexed(b"hmacsha256=" + raw)), Known([SECRET]), "x-li-signature"
    ),
    "tiktok": Sender(send_tiktok, Known([SECRET]), "tiktok-signature"),
    "generic": Sender(
        lambda raw: post(raw, x_signature=f"sha256={hexed(raw)}"),
        Known([SECRET], {"hmac": {"header": "X-Signature", "prefix": "sha256=", "encoding": "hex"}}), "x-signature",
    ),
}  # fmt: skip


def deliver(kind: str, payload: object, **headers: str) -> Delivery:
    """A genuine delivery of a payload, with more headers."""
    sent = SENDERS[kind].send(json.dumps(payload).encode())
    return replace(sent, headers={**sent.headers, **{name.replace("_", "-"): value for name, value in headers.items()}})
