"""Telegram Bot API: a shared word in `X-Telegram-Bot-Api-Secret-Token`, no signature and no time.

An answer may not carry a `method`: Telegram would carry it out as a call of the bot. What fails is tried again for 24
hours, in order per chat, unless it is answered 410. https://core.telegram.org/bots/api#setwebhook
"""

import secrets as randomness
from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_text, read_unix_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import read_header, require_word
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json

GROUPS = frozenset({"group", "supergroup", "channel"})


class TelegramSettings(Settings):
    secret_token: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,256}$", default_factory=randomness.token_urlsafe)]
    private_messages: bool = False


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    require_word(read_header(delivery.headers, "x-telegram-bot-api-secret-token"), known.secrets)


def delivery_key(_delivery: Delivery, payload: Json) -> str | None:
    return read_id(payload, "update_id")


def map_events(_delivery: Delivery, payload: Json, known: Known) -> list[Mapped]:
    for name in ("message", "channel_post", "edited_message", "edited_channel_post"):
        message = dig(payload, name)
        if message is not None:
            edited = name.startswith("edited")
            item = _item(message, private=bool(known.settings.get("private_messages")))
            return [Mapped("item.updated" if edited else "item.created", item)] if item else []
    return []


def sample(_known: Known) -> Json:
    message: Json = {
        "message_id": 1365,
        "date": 1441645532,
        "text": "A message of a test",
        "from": {"id": 1111111, "username": "tester"},
        "chat": {"id": -1001, "type": "supergroup", "title": "Test"},
    }
    return {"update_id": 10000, "message": message}


def sign(_raw: bytes, known: Known, _now: datetime) -> dict[str, str]:
    return {"x-telegram-bot-api-secret-token": known.secrets[0].decode()}


def explain(url: str) -> list[Message]:
    return [
        msg("Make a bot with @BotFather and switch its privacy mode off with /setprivacy: it then sees all messages"),
        msg("Add the bot to your groups as an administrator who may delete messages and restrict members"),
        msg("Call setWebhook with url={url} and secret_token set to the secret shown here, once", url=url),
    ]


def _item(message: Json, *, private: bool) -> dict[str, Json] | None:
    chat, number = read_id(message, "chat", "id"), read_id(message, "message_id")
    text = read_text(message, "text") or read_text(message, "caption")
    if not (chat and number and text) or not (private or dig(message, "chat", "type") in GROUPS):
        return None
    sender = dig(message, "from") or dig(message, "sender_chat")
    answered = dig(message, "reply_to_message")
    parent = read_id(answered, "message_id")
    return drop_empty(
        {
            "external_id": f"{chat}:{number}",
            "kind": "message",
            "text": text,
            "created_at": read_unix_time(message, "date"),
            "author": {
                "external_id": read_id(sender, "id"),
                "display_name": read_text(sender, "username", limit=256) or read_text(sender, "first_name", limit=256),
            },
            "context": {
                "channel": chat,
                "title": read_text(message, "chat", "title", limit=1_000),
                "thread_id": read_id(message, "message_thread_id"),
                "parent": {"external_id": f"{chat}:{parent}", "text": read_text(answered, "text")} if parent else None,
            },
        }
    )


PLATFORM = Platform(
    settings=TelegramSettings,
    proven_by="secret_token",
    accepted=Reply(200),
    delivery_key=delivery_key,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
