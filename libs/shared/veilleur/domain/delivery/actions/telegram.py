"""Telegram Bot API: deleting messages younger than 48 hours, restricting and banning members of a chat.

https://core.telegram.org/bots/api#deletemessage
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import Field

from veilleur.domain.delivery.actions.protocol import (
    DONE,
    GONE,
    Actor,
    Credentials,
    Operation,
    Order,
    Outcome,
    Play,
    again,
    judge,
    pick,
    read_json,
    refuse,
    send_json,
    to_unix,
)
from veilleur.infra.outbound.http import Call, Reply
from veilleur.kernel.clock import now

API = "https://api.telegram.org"
DELETABLE_FOR = timedelta(hours=48)


class TelegramCredentials(Credentials):
    bot_token: Annotated[str, Field(pattern=r"^[0-9]{3,20}:[A-Za-z0-9_-]{20,100}$")]


def delete_message(credentials: TelegramCredentials, order: Order) -> Play:
    chat, _, number = order.subject.external_id.rpartition(":")
    sent_at = order.subject.created_at
    if sent_at is not None and order.present - sent_at >= DELETABLE_FOR:
        return refuse("too_old")
    reply = yield _call(credentials, "deleteMessage", {"chat_id": _number(chat), "message_id": _number(number)})
    return _read(reply, order.present)


def restrict_member(credentials: TelegramCredentials, order: Order) -> Play:
    muted = dict.fromkeys(_PERMISSIONS, False)
    reply = yield _call(credentials, "restrictChatMember", _member(order) | {"permissions": muted} | _end(order))
    return _read(reply, order.present)


def free_member(credentials: TelegramCredentials, order: Order) -> Play:
    permissions = dict.fromkeys(_PERMISSIONS, True)
    reply = yield _call(credentials, "restrictChatMember", _member(order) | {"permissions": permissions})
    return _read(reply, order.present)


def ban_member(credentials: TelegramCredentials, order: Order) -> Play:
    reply = yield _call(credentials, "banChatMember", _member(order) | {"revoke_messages": False} | _end(order))
    return _read(reply, order.present)


def unban_member(credentials: TelegramCredentials, order: Order) -> Play:
    reply = yield _call(credentials, "unbanChatMember", _member(order) | {"only_if_banned": True})
    return _read(reply, order.present)


def probe(credentials: TelegramCredentials) -> Play:
    reply = yield _call(credentials, "getMe", {})
    return _read(reply, now())


_PERMISSIONS = (
    "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
    "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
    "can_add_web_page_previews",
)  # fmt: skip


def _call(credentials: TelegramCredentials, method: str, body: dict[str, Any]) -> Call:
    return send_json("POST", f"{API}/bot{credentials.bot_token}/{method}", {}, body)


def _member(order: Order) -> dict[str, Any]:
    chat = order.subject.channel or order.subject.external_id.rpartition(":")[0]
    return {"chat_id": _number(chat), "user_id": _number(order.subject.author or "")}


def _end(order: Order) -> dict[str, Any]:
    return {} if order.until is None else {"until_date": to_unix(order.until)}


def _number(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdecimal() else text


_WORDS = (
    ("message to delete not found", "already_gone"),
    ("message identifier is not specified", "not_found"),
    ("message can't be deleted", "not_allowed"),
    ("administrator", "is_moderator"),
    ("chat owner", "is_moderator"),
    ("not enough rights", "forbidden"),
    ("not found", "not_found"),
    ("participant_id_invalid", "not_found"),
)


def _read(reply: Reply, present: datetime) -> Outcome:
    document = read_json(reply)
    if pick(document, "ok") is True:
        return DONE
    if reply.status == 429:
        wait = pick(document, "parameters", "retry_after")
        return again(reply, present, wait if isinstance(wait, int) else None)
    if reply.status != 400:
        return judge(reply, present)
    said = str(pick(document, "description")).lower()
    reason = next((reason for words, reason in _WORDS if words in said), "rejected")
    return GONE if reason == "already_gone" else refuse(reason, reply)


ACTOR = Actor(
    credentials=TelegramCredentials,
    operations={
        "delete_message": Operation("item", delete_message, removes=True),
        "restrict_member": Operation("author", restrict_member, undo="free_member", ends=True),
        "free_member": Operation("author", free_member),
        "ban_member": Operation("author", ban_member, undo="unban_member", ends=True),
        "unban_member": Operation("author", unban_member),
    },
    defaults={
        ("remove", "item"): "delete_message",
        ("restrict", "author"): "restrict_member",
        ("remove", "author"): "ban_member",
    },
    probe=probe,
)
