"""X Activity API: `x-twitter-webhooks-signature: sha256=<base64>` over the body, with the app's consumer secret.

X asks again and again whether the address still knows the secret (the CRC). https://docs.x.com/x-api/webhooks/introduction
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_list, read_text, read_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import base64_digest, read_header, require_digest
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json, canonical_bytes


class XSettings(Settings):
    consumer_secret: Annotated[str, Field(min_length=16, max_length=200)]
    private_messages: bool = False


def shake(delivery: Delivery, known: Known) -> Reply | None:
    """Only what a token is made of is signed: otherwise anybody could have a delivery of their own signed here."""
    token = delivery.query.get("crc_token", "")
    if not (_TOKEN.fullmatch(token) and known.secrets):
        return None
    proof = f"sha256={base64_digest(known.secrets[0], token.encode())}"
    return Reply(200, canonical_bytes({"response_token": proof}), "application/json")


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    signature = read_header(delivery.headers, "x-twitter-webhooks-signature", "sha256=")
    require_digest(signature, known.secrets, delivery.raw, base64_digest)


def delivery_key(_delivery: Delivery, payload: Json) -> str | None:
    return read_id(payload, "data", "event_uuid")


def map_events(_delivery: Delivery, payload: Json, known: Known) -> list[Mapped]:
    """What the account that is watched says itself is no case."""
    data = dig(payload, "data")
    kind, post = dig(data, "event_type"), dig(data, "payload")
    number, text = read_id(post, "id"), read_text(post, "text")
    if number is None:
        return []
    if kind == "post.delete":
        return [Mapped("item.deleted", {"external_id": number})]
    private = kind == "dm.received" and known.settings.get("private_messages")
    own = read_id(post, "author_id") == read_id(data, "filter", "user_id")
    if text is None or own or not (kind in _POSTS or private):
        return []
    return [Mapped("item.created", _item(data, post, number, text))]


def sample(_known: Known) -> Json:
    post: Json = {"id": "1346889436626259968", "text": "A reply of a test", "author_id": "2244994945"}
    data: Json = {
        "event_uuid": "2080761390344937796",
        "event_type": "post.reply.create",
        "filter": {"user_id": "1111111111111111111"},
        "payload": post,
    }
    return {"data": data}


def sign(raw: bytes, known: Known, _now: datetime) -> dict[str, str]:
    return {"x-twitter-webhooks-signature": f"sha256={base64_digest(known.secrets[0], raw)}"}


def explain(url: str) -> list[Message]:
    return [
        msg("With your app's bearer token register {url} as a webhook; X checks it at once", url=url),
        msg("Subscribe the account to post.reply.create, post.mention.create and post.quote.create"),
    ]


_TOKEN = re.compile(r"[A-Za-z0-9+/=_.:-]{1,512}")
_POSTS = frozenset({"post.create", "post.reply.create", "post.mention.create", "post.quote.create"})


def _item(data: Json, post: Json, number: str, text: str) -> dict[str, Json]:
    author = read_id(post, "author_id")
    profile = next((user for user in read_list(data, "includes", "users") if read_id(user, "id") == author), None)
    return drop_empty(
        {
            "external_id": number,
            "kind": "message" if dig(data, "event_type") == "dm.received" else "post",
            "text": text,
            "url": f"https://x.com/i/status/{number}" if number.isdecimal() else None,
            "created_at": read_time(post, "created_at"),
            "author": {
                "external_id": author,
                "display_name": read_text(profile, "username", limit=256),
                "created_at": read_time(profile, "created_at"),
            },
            "context": {"thread_id": read_id(post, "conversation_id")},
        }
    )


PLATFORM = Platform(
    settings=XSettings,
    proven_by="consumer_secret",
    accepted=Reply(200),
    shake=shake,
    delivery_key=delivery_key,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
