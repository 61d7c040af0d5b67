"""Twitch: allowing and denying what AutoMod holds, deleting chat messages, bans and timeouts.

A message that is held has one of two ends; neither can be taken back. https://dev.twitch.tv/docs/api/reference/#manage-held-automod-messages
"""

from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from veilleur.domain.delivery.actions.protocol import (
    GONE,
    Actor,
    Identifier,
    OAuthCredentials,
    Operation,
    Order,
    Outcome,
    Play,
    judge,
    pick,
    read_json,
    refuse,
    seconds_left,
    send_json,
)
from veilleur.infra.outbound.http import Call, Reply
from veilleur.infra.outbound.oauth import TokenEndpoint
from veilleur.kernel.clock import now

API = "https://api.twitch.tv/helix"
LONGEST_TIMEOUT_S = 1_209_600


class TwitchCredentials(OAuthCredentials):
    """`moderator_id`: the user whose tokens these are."""

    shown: ClassVar[tuple[str, ...]] = ("client_id", "moderator_id")

    moderator_id: Identifier


def allow_message(credentials: TwitchCredentials, order: Order) -> Play:
    reply = yield _answer_automod(credentials, order, "ALLOW")
    return refuse("expired", reply) if _is_over(reply) else judge(reply, order.present)


def remove_message(credentials: TwitchCredentials, order: Order) -> Play:
    """Held by AutoMod it is denied, in the chat it is deleted; what was let through meanwhile is in the chat."""
    if order.subject.held:
        reply = yield _answer_automod(credentials, order, "DENY")
        if not _is_over(reply):
            return judge(reply, order.present)
    query = _place(credentials, order) | {"message_id": order.subject.external_id}
    reply = yield _call(credentials, "DELETE", "/moderation/chat", query)
    return judge(reply, order.present, gone=GONE)


def ban_user(credentials: TwitchCredentials, order: Order) -> Play:
    lasts_s = seconds_left(order)
    if lasts_s is not None and lasts_s > LONGEST_TIMEOUT_S:
        return refuse("too_long")
    ban = {"user_id": order.subject.author, "reason": order.reason or ""}
    body = {"data": ban | ({} if lasts_s is None else {"duration": lasts_s})}
    reply = yield _call(credentials, "POST", "/moderation/bans", _place(credentials, order), body)
    return _read_ban(reply, order.present)


def unban_user(credentials: TwitchCredentials, order: Order) -> Play:
    query = _place(credentials, order) | {"user_id": str(order.subject.author)}
    reply = yield _call(credentials, "DELETE", "/moderation/bans", query)
    return _read_ban(reply, order.present)


def probe(credentials: TwitchCredentials) -> Play:
    reply = yield _call(credentials, "GET", "/users", {"id": credentials.moderator_id})
    return judge(reply, now())


def _answer_automod(credentials: TwitchCredentials, order: Order, answer: str) -> Call:
    body = {"user_id": credentials.moderator_id, "msg_id": order.subject.external_id, "action": answer}
    return _call(credentials, "POST", "/moderation/automod/message", {}, body)


def _is_over(reply: Reply) -> bool:
    """Somebody else was faster, or nobody was in time."""
    return reply.status == 404 or (reply.status == 400 and "already" in _message(reply))


def _read_ban(reply: Reply, present: datetime) -> Outcome:
    said = _message(reply)
    if reply.status == 400 and ("already banned" in said or "not banned" in said):
        return GONE
    if reply.status == 400 and ("may not be banned" in said or "cannot be banned" in said):
        return refuse("is_moderator", reply)
    return judge(reply, present)


def _message(reply: Reply) -> str:
    return str(pick(read_json(reply), "message")).lower()


def _place(credentials: TwitchCredentials, order: Order) -> dict[str, str]:
    return {"broadcaster_id": str(order.subject.channel), "moderator_id": credentials.moderator_id}


def _call(credentials: TwitchCredentials, method: str, path: str, query: dict[str, str], body: Any = None) -> Call:
    headers = {"authorization": f"Bearer {credentials.access_token}", "client-id": credentials.client_id}
    return send_json(method, f"{API}{path}{'?' if query else ''}{urlencode(query)}", headers, body)


ACTOR = Actor(
    credentials=TwitchCredentials,
    operations={
        "allow_message": Operation("item", allow_message),
        "remove_message": Operation("item", remove_message, removes=True),
        "ban_user": Operation("author", ban_user, undo="unban_user", ends=True),
        "unban_user": Operation("author", unban_user),
    },
    defaults={
        ("allow", "item"): "allow_message",
        ("restrict", "item"): "remove_message",
        ("remove", "item"): "remove_message",
        ("restrict", "author"): "ban_user",
        ("remove", "author"): "ban_user",
    },
    probe=probe,
    tokens=TokenEndpoint("https://id.twitch.tv/oauth2/token"),
)
