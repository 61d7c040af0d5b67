"""YouTube: the moderation status of comments, 50 units of a day's 10,000 a call.

A rejected comment can't be published again. https://developers.google.com/youtube/v3/docs/comments/setModerationStatus
"""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlencode

from veilleur.domain.delivery.actions.protocol import (
    GONE,
    Actor,
    OAuthCredentials,
    Operation,
    Order,
    Outcome,
    Play,
    again,
    judge,
    pick,
    read_json,
    send_json,
)
from veilleur.domain.intake.sources.youtube import API, QUOTA_PAUSE_S, TOKENS
from veilleur.infra.outbound.http import Call, Reply
from veilleur.kernel.clock import now


def set_status(status: str, *, ban: bool = False) -> Callable[[OAuthCredentials, Order], Play]:
    def set_moderation_status(credentials: OAuthCredentials, order: Order) -> Play:
        query = {"id": order.subject.external_id, "moderationStatus": status} | ({"banAuthor": "true"} if ban else {})
        reply = yield _call(credentials, "POST", "/comments/setModerationStatus", query)
        return _read(reply, order.present, None if status == "published" else GONE)

    return set_moderation_status


def probe(credentials: OAuthCredentials) -> Play:
    reply = yield _call(credentials, "GET", "/channels", {"part": "id", "mine": "true"})
    return _read(reply, now())


def _call(credentials: OAuthCredentials, method: str, path: str, query: dict[str, str]) -> Call:
    headers = {"authorization": f"Bearer {credentials.access_token}"}
    return send_json(method, f"{API}{path}?{urlencode(query)}", headers)


_USED_UP = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})


def _read(reply: Reply, present: datetime, gone: Outcome | None = None) -> Outcome:
    cause = pick(read_json(reply), "error", "errors", 0, "reason")
    if reply.status == 403 and (cause in _USED_UP or cause in _TOO_FAST):
        wait = QUOTA_PAUSE_S if cause in _USED_UP else 30
        return Outcome("retry", "rate_limited", wait, reply.status)
    return again(reply, present) if cause == "processingFailure" else judge(reply, present, gone=gone)


ACTOR = Actor(
    credentials=OAuthCredentials,
    operations={
        "reject_comment": Operation("item", set_status("rejected"), removes=True),
        "hold_comment": Operation("item", set_status("heldForReview"), undo="publish_comment"),
        "publish_comment": Operation("item", set_status("published")),
        "ban_author": Operation("author", set_status("rejected", ban=True)),
    },
    defaults={
        ("allow", "item"): "publish_comment",
        ("restrict", "item"): "hold_comment",
        ("remove", "item"): "reject_comment",
        ("remove", "author"): "ban_author",
    },
    probe=probe,
    tokens=TOKENS,
)
