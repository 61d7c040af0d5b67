"""Discord: messages of lobbies are marked for the game that shows them, those of guilds are deleted.

A lobby's message can't be deleted from outside: its moderation metadata tell the game's client what to show.
https://docs.discord.com/developers/discord-social-sdk/how-to/integrate-moderation
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar

from veilleur.domain.delivery.actions.protocol import (
    DONE,
    GONE,
    Actor,
    Credentials,
    Identifier,
    Operation,
    Order,
    Outcome,
    Play,
    Token,
    again,
    judge,
    pick,
    read_json,
    refuse,
    send_json,
)
from veilleur.infra.outbound.http import Call, Reply
from veilleur.kernel.clock import now, to_rfc3339

API = "https://discord.com/api/v10"
LONGEST_TIMEOUT = timedelta(days=28)


class LobbyCredentials(Credentials):
    bot_token: Token


class GuildCredentials(Credentials):
    shown: ClassVar[tuple[str, ...]] = ("guild_id",)

    bot_token: Token
    guild_id: Identifier


def mark(verdict: str) -> Callable[[LobbyCredentials, Order], Play]:
    """An edit of the message clears the mark and comes as an update, to be judged anew."""

    def mark_message(credentials: LobbyCredentials, order: Order) -> Play:
        lobby, message = order.subject.channel, order.subject.external_id
        path = f"/lobbies/{lobby}/messages/{message}/moderation-metadata"
        reply = yield _call(credentials, "PUT", path, {"moderation": verdict})
        return _read(reply, order.present, GONE)

    return mark_message


def delete_message(credentials: GuildCredentials, order: Order) -> Play:
    path = f"/channels/{order.subject.channel}/messages/{order.subject.external_id}"
    reply = yield _call(credentials, "DELETE", path, reason=order.reason)
    return _read(reply, order.present, GONE)


def time_out_member(credentials: GuildCredentials, order: Order) -> Play:
    if order.until is None or order.until - order.present > LONGEST_TIMEOUT:
        return refuse("too_long")
    path = f"/guilds/{credentials.guild_id}/members/{order.subject.author}"
    body = {"communication_disabled_until": to_rfc3339(order.until)}
    reply = yield _call(credentials, "PATCH", path, body, order.reason)
    return _read(reply, order.present)


def end_timeout(credentials: GuildCredentials, order: Order) -> Play:
    path = f"/guilds/{credentials.guild_id}/members/{order.subject.author}"
    reply = yield _call(credentials, "PATCH", path, {"communication_disabled_until": None}, order.reason)
    return _read(reply, order.present)


def ban_member(credentials: GuildCredentials, order: Order) -> Play:
    path = f"/guilds/{credentials.guild_id}/bans/{order.subject.author}"
    reply = yield _call(credentials, "PUT", path, {"delete_message_seconds": 0}, order.reason)
    return _read(reply, order.present)


def unban_member(credentials: GuildCredentials, order: Order) -> Play:
    path = f"/guilds/{credentials.guild_id}/bans/{order.subject.author}"
    reply = yield _call(credentials, "DELETE", path, reason=order.reason)
    return _read(reply, order.present, GONE)


def probe(credentials: LobbyCredentials | GuildCredentials) -> Play:
    reply = yield _call(credentials, "GET", "/users/@me")
    if reply.status == 200 and isinstance(credentials, GuildCredentials):
        reply = yield _call(credentials, "GET", f"/guilds/{credentials.guild_id}")
    return _read(reply, now())


def _call(
    credentials: LobbyCredentials | GuildCredentials,
    method: str,
    path: str,
    body: Any = None,
    reason: str | None = None,
) -> Call:
    headers = {"authorization": f"Bot {credentials.bot_token}", "user-agent": "DiscordBot (veilleur, 1)"}
    if reason:
        headers["x-audit-log-reason"] = reason
    return send_json(method, f"{API}{path}", headers, body)


_CODES = {
    10003: "not_found", 10004: "not_found", 10007: "not_found", 10013: "not_found", 50001: "forbidden",
    50013: "forbidden", 50021: "not_allowed", 50034: "too_old",
}  # fmt: skip
_UNKNOWN = frozenset({10008, 10026})
"""No such message, no such ban."""


def _read(reply: Reply, present: datetime, gone: Outcome | None = None) -> Outcome:
    if 200 <= reply.status < 300:
        return DONE
    document = read_json(reply)
    if reply.status == 429:
        wait = pick(document, "retry_after")
        return again(reply, present, wait if isinstance(wait, int | float) else None)
    code = pick(document, "code")
    if code in _UNKNOWN and gone is not None:
        return gone
    return refuse(_CODES[code], reply) if code in _CODES else judge(reply, present, gone=gone)


LOBBY = Actor(
    credentials=LobbyCredentials,
    operations={
        "mark_hidden": Operation("item", mark("hide"), undo="mark_allowed"),
        "mark_removed": Operation("item", mark("remove"), undo="mark_allowed"),
        "mark_allowed": Operation("item", mark("allow")),
    },
    defaults={("restrict", "item"): "mark_hidden", ("remove", "item"): "mark_removed"},
    probe=probe,
)
GUILD = Actor(
    credentials=GuildCredentials,
    operations={
        "delete_message": Operation("item", delete_message, removes=True),
        "time_out_member": Operation("author", time_out_member, undo="end_timeout", ends=True),
        "end_timeout": Operation("author", end_timeout),
        "ban_member": Operation("author", ban_member, undo="unban_member"),
        "unban_member": Operation("author", unban_member),
    },
    defaults={
        ("remove", "item"): "delete_message",
        ("restrict", "author"): "time_out_member",
        ("remove", "author"): "ban_member",
    },
    probe=probe,
)
