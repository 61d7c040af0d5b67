"""Discord webhook events: Ed25519 over timestamp and body, joined by nothing.

Bytes could move between the two, so the timestamp must be digits. Discord sends bad signatures on purpose and takes the
URL away where they are accepted. These events bring messages of the Social SDK (lobbies, direct messages); guild
messages come over the Gateway only. https://docs.discord.com/developers/events/webhook-events
"""

import re
from datetime import datetime
from typing import Annotated

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_text, read_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import NO_MATCH, read_header, refuse
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json


class DiscordSettings(Settings):
    public_key: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    private_messages: bool = False


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    signature = read_header(delivery.headers, "x-signature-ed25519")
    timestamp = read_header(delivery.headers, "x-signature-timestamp")
    if not (_SIGNATURE.fullmatch(signature) and _TIMESTAMP.fullmatch(timestamp)):
        refuse(NO_MATCH)
    content = timestamp.encode() + delivery.raw
    if not any(_fits(key, bytes.fromhex(signature), content) for key in known.secrets):
        refuse(NO_MATCH)


def shake_signed(_delivery: Delivery, payload: Json) -> Reply | None:
    return Reply(204) if dig(payload, "type") == 0 else None


def delivery_key(_delivery: Delivery, payload: Json) -> str | None:
    event = dig(payload, "event")
    parts = [read_id(event, "type"), read_id(event, "data", "id"), read_id(event, "timestamp")]
    return ":".join(filter(None, parts)) if all(parts) else None


def map_events(_delivery: Delivery, payload: Json, known: Known) -> list[Mapped]:
    place, _, deed = str(dig(payload, "event", "type")).rpartition("_MESSAGE_")
    message = dig(payload, "event", "data")
    number = read_id(message, "id")
    wanted = place == "LOBBY" or (place == "GAME_DIRECT" and known.settings.get("private_messages"))
    if number is None or not wanted:
        return []
    if deed == "DELETE":
        return [Mapped("item.deleted", {"external_id": number})]
    text = read_text(message, "content")
    if text is None or deed not in {"CREATE", "UPDATE"}:
        return []
    return [Mapped("item.created" if deed == "CREATE" else "item.updated", _item(payload, message, number, text))]


def sample(_known: Known) -> Json:
    message: Json = {
        "id": "1397729799727878254",
        "content": "A message of a test",
        "lobby_id": "1397729744753266719",
        "author": {"id": "1234647491267808778", "username": "tester"},
    }
    event: Json = {"type": "LOBBY_MESSAGE_CREATE", "timestamp": "2025-08-05T20:39:19.587872", "data": message}
    return {"version": 1, "type": 1, "event": event}


def explain(url: str) -> list[Message]:
    return [
        msg("In your application at discord.com/developers open Webhooks and enter {url} as the endpoint URL", url=url),
        msg("Discord sends a ping and a forged event; the address is accepted when only the ping is"),
        msg("Subscribe to the lobby and game direct message events"),
        msg("For guild channels run a bot that posts each message to a source of kind standard"),
    ]


_SIGNATURE = re.compile(r"[0-9a-f]{128}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def _fits(key: bytes, signature: bytes, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes.fromhex(key.decode())).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True


def _item(payload: Json, message: Json, number: str, text: str) -> dict[str, Json]:
    return drop_empty(
        {
            "external_id": number,
            "kind": "message",
            "text": text,
            "created_at": read_time(message, "timestamp") or read_time(payload, "event", "timestamp"),
            "author": {
                "external_id": read_id(message, "author", "id"),
                "display_name": read_text(message, "author", "username", limit=256),
            },
            "context": {"channel": read_id(message, "lobby_id") or read_id(message, "channel_id")},
        }
    )


PLATFORM = Platform(
    settings=DiscordSettings,
    proven_by="public_key",
    accepted=Reply(204),
    shake_signed=shake_signed,
    delivery_key=delivery_key,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=None,
)
