"""Facebook Pages and Instagram: `X-Hub-Signature-256: sha256=<hex>` over the body, with the app's secret.

One app may serve many accounts, so the signature does not say whose content it is: `entry[].id` does, and entries of
accounts the source does not name are left out. Meta escapes letters before it signs: only the bytes as sent verify. Up
to 1,000 changes come in one delivery, without a number and without a time; tried again over 36 hours.
https://developers.facebook.com/docs/graph-api/webhooks/getting-started/
"""

import secrets as randomness
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped, Platform, Reply
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_list, read_text, read_unix_time
from veilleur.domain.intake.sources.settings import Settings
from veilleur.domain.intake.sources.signing import hex_digest, read_header, require_digest, require_word
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json


class MetaSettings(Settings):
    app_secret: Annotated[str, Field(min_length=16, max_length=200)]
    verify_token: Annotated[str, Field(min_length=8, max_length=200, default_factory=randomness.token_urlsafe)]
    accounts: Annotated[list[Annotated[str, Field(pattern=r"^[0-9]{1,30}$")]], Field(min_length=1, max_length=1_000)]


def shake(delivery: Delivery, known: Known) -> Reply | None:
    if delivery.query.get("hub.mode") != "subscribe":
        return None
    require_word(delivery.query.get("hub.verify_token", ""), [str(known.settings.get("verify_token"))])
    return Reply(200, delivery.query.get("hub.challenge", "").encode(), "text/plain")


def verify(delivery: Delivery, known: Known, _now: datetime) -> None:
    require_digest(read_header(delivery.headers, "x-hub-signature-256", "sha256="), known.secrets, delivery.raw)


def map_events(_delivery: Delivery, payload: Json, known: Known) -> list[Mapped]:
    served = set(known.settings.get("accounts") or ())
    found: list[Mapped] = []
    for entry in read_list(payload, "entry"):
        account = read_id(entry, "id")
        if account in served:
            for change in read_list(entry, "changes"):
                found += _read_change(dig(change, "field"), dig(change, "value"), account or "")
    return found


def sample(known: Known) -> Json:
    account = str(known.settings["accounts"][0])
    value: Json = {
        "item": "comment",
        "verb": "add",
        "comment_id": "122131676912594941_1213590066982748",
        "post_id": f"{account}_122131676912594941",
        "message": "A comment of a test",
        "from": {"id": "24567891234", "name": "Tester"},
    }
    return {"object": "page", "entry": [{"id": account, "changes": [{"field": "feed", "value": value}]}]}


def sign(raw: bytes, known: Known, _now: datetime) -> dict[str, str]:
    return {"x-hub-signature-256": f"sha256={hex_digest(known.secrets[0], raw)}"}


def explain(url: str) -> list[Message]:
    return [
        msg("In your app at developers.facebook.com open Webhooks, choose Page or Instagram"),
        msg("Enter {url} as the callback URL and the verify token shown here; Meta checks it at once", url=url),
        msg("Subscribe to the field feed for Pages, and to comments for Instagram"),
        msg("Subscribe each Page to the app: POST /<page-id>/subscribed_apps with subscribed_fields=feed"),
    ]


_CONTENT = frozenset({"comment", "post", "status", "photo", "video", "share"})


def _read_change(name: Json, value: Json, account: str) -> Iterator[Mapped]:
    if name == "feed" and dig(value, "item") in _CONTENT:
        yield from _read_feed(value, account)
    elif name in {"comments", "live_comments"}:
        number, text = read_id(value, "id"), read_text(value, "text")
        if number and text and read_id(value, "from", "id") != account:
            yield Mapped("item.created", _write_instagram(value, number, text, account))


def _read_feed(value: Json, account: str) -> Iterator[Mapped]:
    """What the account itself says, hides or shows again is its own doing and no case."""
    comment = dig(value, "item") == "comment"
    number = read_id(value, "comment_id") if comment else read_id(value, "post_id")
    verb = dig(value, "verb")
    if number is None or read_id(value, "from", "id") == account:
        return
    if verb == "remove":
        yield Mapped("item.deleted", {"external_id": number})
    text = read_text(value, "message")
    if verb in {"add", "edited"} and text:
        yield Mapped("item.created" if verb == "add" else "item.updated", _write_feed(value, number, text, account))


def _write_feed(value: Json, number: str, text: str, account: str) -> dict[str, Json]:
    parent = read_id(value, "parent_id")
    post = read_id(value, "post_id")
    return drop_empty(
        {
            "external_id": number,
            "kind": "comment" if dig(value, "item") == "comment" else "post",
            "text": text,
            "url": read_text(value, "permalink_url", limit=2_048),
            "created_at": read_unix_time(value, "created_time"),
            "author": {
                "external_id": read_id(value, "from", "id"),
                "display_name": read_text(value, "from", "name", limit=256),
            },
            "context": {
                "thread_id": post,
                "parent": {"external_id": parent} if parent and parent != post else None,
            },
            "metadata": {"account": account, "network": "facebook"},
        }
    )


def _write_instagram(value: Json, number: str, text: str, account: str) -> dict[str, Json]:
    parent = read_id(value, "parent_id")
    return drop_empty(
        {
            "external_id": number,
            "kind": "comment",
            "text": text,
            "author": {
                "external_id": read_id(value, "from", "id"),
                "display_name": read_text(value, "from", "username", limit=256),
            },
            "context": {
                "thread_id": read_id(value, "media", "id"),
                "parent": {"external_id": parent} if parent else None,
            },
            "metadata": {"account": account, "network": "instagram"},
        }
    )


PLATFORM = Platform(
    settings=MetaSettings,
    hidden=frozenset({"verify_token"}),
    proven_by="app_secret",
    accepted=Reply(200),
    shake=shake,
    verify=verify,
    read_events=fit_events(map_events),
    explain=explain,
    sample=sample,
    sign=sign,
)
