"""TikTok: `Tiktok-Signature: t=<unix>,s=<hex>` over `{t}.{body}`, with the app's client secret.

TikTok tries again for 72 hours and does not say whether it signs anew, so a delivery is fresh for as long; repeats are
told by their contents. `content` is JSON in a text. https://developers.tiktok.com/doc/webhooks-verification
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_text, read_unix_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import (
    NO_MATCH,
    hex_digest,
    read_header,
    refuse,
    require_digest,
    require_fresh,
)
from veilleur.kernel.errors import Problem
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json, canonical_bytes, strict_loads

TOLERANCE_S = 72 * 3_600


class TiktokSettings(Settings):
    client_secret: Annotated[str, Field(min_length=8, max_length=200)]


def verify(delivery: Delivery, known: Known, now: datetime) -> None:
    parts = _SIGNATURE.fullmatch(read_header(delivery.headers, "tiktok-signature"))
    if parts is None:
        refuse(NO_MATCH)
    require_fresh(parts["time"], now, TOLERANCE_S)
    require_digest(parts["digest"], known.secrets, parts["time"].encode() + b"." + delivery.raw)


def map_events(_delivery: Delivery, payload: Json, _known: Known) -> list[Mapped]:
    """Hiding and showing again is the account's own doing and no case."""
    content = _read_content(payload)
    number = read_id(content, "comment_id")
    if number is None or not str(dig(payload, "event")).startswith("comment"):
        return []
    if dig(content, "comment_action") == "delete":
        return [Mapped("item.deleted", {"external_id": number})]
    text = read_text(content, "text")
    if text is None or dig(content, "comment_action") not in {None, "insert"}:
        return []
    return [Mapped("item.created", _item(payload, content, number, text))]


def sample(_known: Known) -> Json:
    content: Json = {
        "comment_id": "7107283954389239086",
        "video_id": "7107283954389239087",
        "comment_action": "insert",
        "text": "A comment of a test",
        "unique_identifier": "tester",
    }
    return {"event": "comment.update", "user_openid": "test", "content": canonical_bytes(content).decode()}


def sign(raw: bytes, known: Known, now: datetime) -> dict[str, str]:
    stamp = str(int(now.timestamp()))
    return {"tiktok-signature": f"t={stamp},s={hex_digest(known.secrets[0], stamp.encode() + b'.' + raw)}"}


def explain(url: str) -> list[Message]:
    return [
        msg(
            "With your approved TikTok API for Business app call /business/webhook/update/ for {url}",
            url=url,
        ),
        msg("Choose the event type COMMENT, and give the client secret of the app here"),
    ]


_SIGNATURE = re.compile(r"t=(?P<time>[0-9]{1,12}),s=(?P<digest>[0-9a-f]{64})")


def _read_content(payload: Json) -> Json:
    content = dig(payload, "content")
    if not isinstance(content, str):
        return content
    try:
        return strict_loads(content.encode())
    except Problem:
        return None


def _item(payload: Json, content: Json, number: str, text: str) -> dict[str, Json]:
    parent = read_id(content, "parent_comment_id")
    return drop_empty(
        {
            "external_id": number,
            "kind": "comment",
            "text": text,
            "created_at": read_unix_time(content, "timestamp") or read_unix_time(payload, "create_time"),
            "author": {"external_id": read_id(content, "unique_identifier")},
            "context": {
                "channel": read_id(payload, "user_openid"),
                "thread_id": read_id(content, "video_id"),
                "parent": {"external_id": parent} if parent and parent != "0" else None,
            },
        }
    )


PLATFORM = Platform(
    settings=TiktokSettings,
    proven_by="client_secret",
    accepted=Reply(200),
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
