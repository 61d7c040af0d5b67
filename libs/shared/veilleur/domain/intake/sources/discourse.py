"""Discourse: `X-Discourse-Event-Signature: sha256=<hex>` over the body; nothing says when it was sent.

The number of an event is new whenever Discourse tries again, so repeats are told by the contents: a post has a version.
A timeout is never tried again, and retries are off by default: what was missed meanwhile has to be fetched. 404 and 410
switch the hook off. Private messages are left out unless the source asks for them.
"""

import secrets as randomness
from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import (
    dig,
    drop_empty,
    read_id,
    read_list,
    read_text,
    read_time,
    strip_markup,
)
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import hex_digest, read_header, require_digest
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json

QUEUED = "reviewable:"
"""What a post is called here that waits for approval: it has no number yet."""


class DiscourseSettings(Settings):
    secret: Annotated[str, Field(min_length=12, max_length=200, default_factory=randomness.token_urlsafe)]
    private_messages: bool = False


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    signature = read_header(delivery.headers, "x-discourse-event-signature", "sha256=")
    require_digest(signature, known.secrets, delivery.raw)


def shake_signed(delivery: Delivery, _payload: Json) -> Reply | None:
    return Reply(200) if delivery.headers.get("x-discourse-event-type") == "ping" else None


def map_events(delivery: Delivery, payload: Json, known: Known) -> list[Mapped]:
    event = delivery.headers.get("x-discourse-event", "")
    if event == "reviewable_created":
        return read_review(dig(payload, "reviewable"))
    post = dig(payload, "post")
    number = read_id(post, "id")
    private = dig(post, "topic_archetype") == "private_message" and not known.settings.get("private_messages")
    if number is None or private or event not in _POSTS:
        return []
    if event == "post_destroyed":
        return [Mapped("item.deleted", {"external_id": number})]
    item = _read_post(post, number, delivery.headers.get("x-discourse-instance"))
    return [Mapped("item.created" if event == "post_created" else "item.updated", item)] if item else []


def sample(_known: Known) -> Json:
    post: Json = {
        "id": 79563,
        "raw": "A post of a test",
        "username": "tester",
        "user_id": 2401,
        "topic_id": 46582,
        "topic_slug": "test",
        "post_number": 3,
        "version": 1,
    }
    return {"post": post}


def sign(raw: bytes, known: Known, _now: datetime) -> dict[str, str]:
    return {
        "x-discourse-event-type": "post",
        "x-discourse-event": "post_created",
        "x-discourse-event-signature": f"sha256={hex_digest(known.secrets[0], raw)}",
    }


def explain(url: str) -> list[Message]:
    return [
        msg("As an administrator open Admin → API → Webhooks and add one with the payload URL {url}", url=url),
        msg("Enter the secret shown here, once, and leave the content type at application/json"),
        msg("Tick the post events and the review events, and make it active"),
        msg("In the site settings switch retry_web_hook_events on: otherwise Discourse sends each event once only"),
    ]


_POSTS = frozenset({"post_created", "post_edited", "post_destroyed", "post_recovered"})


def _read_post(post: Json, number: str, instance: str | None) -> dict[str, Json] | None:
    text = read_text(post, "raw") or strip_markup(read_text(post, "cooked") or "")
    if not text:
        return None
    topic, slug, place = read_id(post, "topic_id"), read_text(post, "topic_slug"), read_id(post, "post_number")
    version = dig(post, "version")
    return drop_empty(
        {
            "external_id": number,
            "revision": version if isinstance(version, int) and version > 0 else None,
            "kind": "post",
            "text": text,
            "url": f"{instance}/t/{slug}/{topic}/{place}" if instance and slug and topic and place else None,
            "created_at": read_time(post, "created_at"),
            "author": {
                "external_id": read_id(post, "user_id"),
                "display_name": read_text(post, "username", limit=256),
                "trust": read_id(post, "trust_level"),
            },
            "context": {
                "channel": read_text(post, "category_slug", limit=256),
                "thread_id": topic,
                "title": read_text(post, "topic_title", limit=1_000),
            },
        }
    )


def read_review(flag: Json) -> list[Mapped]:
    """Members' flags on a post, or a post that waits for approval in Discourse itself."""
    if dig(flag, "type") == "ReviewableQueuedPost" and read_id(flag, "target_id") is None:
        queued = _read_queued(flag)
        return [Mapped("item.created", queued)] if queued else []
    number = read_id(flag, "target_id") or read_id(flag, "post_id")
    if number is None:
        return []
    score = next(read_list(flag, "reviewable_scores"), None)
    report = drop_empty(
        {
            "source": "user",
            "reason": read_text(score, "score_type", "title", limit=256) or "flagged",
            "detail": read_text(score, "reason", limit=10_000),
            "reporter": {
                "external_id": read_id(score, "user", "id")
                or read_id(flag, "created_by", "id")
                or read_id(flag, "created_by_id")
            },
        }
    )
    text = read_text(flag, "payload", "raw") or strip_markup(read_text(flag, "cooked") or "")
    author = read_id(flag, "target_created_by", "id") or read_id(flag, "target_created_by_id")
    content: dict[str, Json] = (
        {"text": text, "kind": "post", "author": {"external_id": author} if author else None} if text else {}
    )
    return [Mapped("item.reported", drop_empty({"external_id": number, **content}) | {"report": report})]


def _read_queued(review: Json) -> dict[str, Json] | None:
    number, text = read_id(review, "id"), read_text(review, "payload", "raw")
    if number is None or text is None:
        return None
    author = read_id(review, "target_created_by", "id") or read_id(review, "target_created_by_id")
    return drop_empty(
        {
            "external_id": f"{QUEUED}{number}",
            "revision": 1,
            "kind": "post",
            "text": text,
            "created_at": read_time(review, "created_at"),
            "author": {"external_id": author or read_id(review, "created_by", "id")},
            "context": {
                "thread_id": read_id(review, "topic_id"),
                "title": read_text(review, "payload", "title", limit=1_000),
            },
            "metadata": {"held": True},
        }
    )


PLATFORM = Platform(
    settings=DiscourseSettings,
    proven_by="secret",
    accepted=Reply(200),
    shake_signed=shake_signed,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
