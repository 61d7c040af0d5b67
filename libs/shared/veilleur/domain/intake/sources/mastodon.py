"""Mastodon admin webhooks: `X-Hub-Signature: sha256=<hex>` over the body; no number, no time.

A 4xx makes Mastodon drop an event for good: our own faults are 503. A report carries the reporter's e-mail and
addresses, which moderation has no use for: they are not even read. https://docs.joinmastodon.org/admin/webhooks/
"""

from collections.abc import Iterator
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


class MastodonSettings(Settings):
    secret: Annotated[str, Field(min_length=12, max_length=200)]
    private_messages: bool = False


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    require_digest(read_header(delivery.headers, "x-hub-signature", "sha256="), known.secrets, delivery.raw)


def delivery_key(_delivery: Delivery, payload: Json) -> str | None:
    event, number = read_id(payload, "event"), read_id(payload, "object", "id")
    changed = read_text(payload, "object", "edited_at") or read_text(payload, "object", "updated_at") or ""
    return f"{event}:{number}:{changed}" if event and number else None


def map_events(_delivery: Delivery, payload: Json, known: Known) -> list[Mapped]:
    event, subject = dig(payload, "event"), dig(payload, "object")
    if event == "report.created":
        return list(_read_report(subject))
    private = dig(subject, "visibility") == "direct" and not known.settings.get("private_messages")
    item = None if private else _read_status(subject)
    if item is None or event not in {"status.created", "status.updated"}:
        return []
    return [Mapped("item.created" if event == "status.created" else "item.updated", item)]


def sample(_known: Known) -> Json:
    status: Json = {
        "id": "110216447185271478",
        "created_at": "2023-04-17T23:08:21.000Z",
        "content": "<p>A post of a test</p>",
        "account": {"id": "1", "acct": "tester"},
    }
    return {"event": "status.created", "created_at": "2023-04-17T23:08:22.000Z", "object": status}


def sign(raw: bytes, known: Known, _now: datetime) -> dict[str, str]:
    return {"x-hub-signature": f"sha256={hex_digest(known.secrets[0], raw)}"}


def explain(url: str) -> list[Message]:
    return [
        msg("As an administrator open Preferences → Administration → Webhooks and add one for {url}", url=url),
        msg("Choose the events report.created, status.created and status.updated"),
        msg("Copy the secret Mastodon shows into this source's settings"),
    ]


def _read_report(report: Json) -> Iterator[Mapped]:
    """One event for each reported status; a report about an account alone is about its profile."""
    told = drop_empty(
        {
            "source": "user",
            "reason": read_text(report, "category", limit=256) or "other",
            "detail": read_text(report, "comment", limit=10_000),
            "reporter": {"external_id": read_id(report, "account", "id")},
        }
    )
    statuses = [item for status in read_list(report, "statuses") if (item := _read_status(status))]
    accused = dig(report, "target_account", "account") or dig(report, "target_account")
    profile = None if statuses else _read_profile(accused)
    for item in statuses or ([profile] if profile else []):
        yield Mapped("item.reported", item | {"report": told})


def _read_status(status: Json) -> dict[str, Json] | None:
    number, text = read_id(status, "id"), strip_markup(read_text(status, "content") or "")
    if number is None or not text:
        return None
    parent = read_id(status, "in_reply_to_id")
    return drop_empty(
        {
            "external_id": number,
            "kind": "post",
            "text": text,
            "language": read_text(status, "language", limit=3),
            "url": read_text(status, "url", limit=2_048),
            "created_at": read_time(status, "created_at"),
            "author": {
                "external_id": read_id(status, "account", "id"),
                "display_name": read_text(status, "account", "acct", limit=256),
                "created_at": read_time(status, "account", "created_at"),
            },
            "context": {"parent": {"external_id": parent} if parent else None},
        }
    )


def _read_profile(account: Json) -> dict[str, Json] | None:
    number, note = read_id(account, "id"), strip_markup(read_text(account, "note") or "")
    words = [read_text(account, "acct"), read_text(account, "display_name"), note]
    text = "\n".join(word for word in words if word)
    if number is None or not text:
        return None
    return drop_empty(
        {
            "external_id": f"account:{number}",
            "kind": "account",
            "text": text,
            "url": read_text(account, "url", limit=2_048),
            "author": {"external_id": number, "display_name": read_text(account, "acct", limit=256)},
        }
    )


PLATFORM = Platform(
    settings=MastodonSettings,
    proven_by="secret",
    accepted=Reply(200),
    delivery_key=delivery_key,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
