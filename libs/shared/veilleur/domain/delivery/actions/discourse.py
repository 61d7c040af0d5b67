"""Discourse: posts are hidden, deleted and recovered, members silenced and suspended, flags and queued posts answered.

What waits in the review queue is answered there, with the version it was read in: somebody else may have been faster,
which is a 409. https://docs.discourse.org/
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, ClassVar

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
    Site,
    Token,
    judge,
    pick,
    read_json,
    refuse,
    send_json,
)
from veilleur.domain.intake.sources.discourse import QUEUED
from veilleur.infra.outbound.http import Call, Reply
from veilleur.infra.outbound.steps import Steps
from veilleur.kernel.clock import now, to_rfc3339

INAPPROPRIATE = 4
"""The kind of flag with which a moderator hides a post that nobody has flagged."""


class DiscourseCredentials(Credentials):
    """The forum's address, and an API key of a moderator (`username`)."""

    shown: ClassVar[tuple[str, ...]] = ("url", "username")

    url: Site
    username: Annotated[str, Field(pattern=r"^[!-~]{1,100}$")] = "system"
    api_key: Token


def hide_post(credentials: DiscourseCredentials, order: Order) -> Play:
    """A flagged post is hidden by agreeing with the flag; any other by a flag that takes effect at once."""
    wanted = ("agree_and_hide", "agree_and_keep_hidden", "reject_post")
    answered, post = yield from _answer_review(credentials, order, wanted)
    if answered is not None:
        return answered
    flag = {"id": post, "post_action_type_id": INAPPROPRIATE, "take_action": True}
    reply = yield _call(credentials, "POST", "/post_actions.json", flag)
    if reply.status == 403 and (yield from _is_hidden(credentials, post)):
        return DONE
    return judge(reply, order.present, gone=GONE)


def unhide_post(credentials: DiscourseCredentials, order: Order) -> Play:
    answered, post = yield from _answer_review(credentials, order, _PUBLISHING)
    if answered is not None:
        return answered
    reply = yield _call(credentials, "PUT", f"/posts/{post}/unhide.json", {})
    return judge(reply, order.present)


def delete_post(credentials: DiscourseCredentials, order: Order) -> Play:
    answered, post = yield from _answer_review(credentials, order, ("delete_and_agree", "reject_post"))
    if answered is not None:
        return answered
    reply = yield _call(credentials, "DELETE", f"/posts/{post}.json")
    return judge(reply, order.present, gone=GONE)


def recover_post(credentials: DiscourseCredentials, order: Order) -> Play:
    """A queued post that was rejected may still be let through."""
    answered, post = yield from _answer_review(credentials, order, _PUBLISHING)
    if answered is not None:
        return answered
    reply = yield _call(credentials, "PUT", f"/posts/{post}/recover.json", {})
    return judge(reply, order.present)


def approve_post(credentials: DiscourseCredentials, order: Order) -> Play:
    """Publish what is queued, or close the flag on a post that stays."""
    wanted = (*_PUBLISHING, "disagree_and_restore", "disagree", "ignore_and_do_nothing")
    answered, _ = yield from _answer_review(credentials, order, wanted)
    return answered or GONE


_PUBLISHING = ("approve_post", "approve_post_closed")


def penalise(verb: str, end: str) -> Callable[[DiscourseCredentials, Order], Play]:
    def penalise_user(credentials: DiscourseCredentials, order: Order) -> Play:
        if not order.subject.author:
            return refuse("no_author")
        forever = datetime(3000, 1, 1, tzinfo=order.present.tzinfo)
        body = {end: to_rfc3339(order.until or forever), "reason": order.reason or "moderation"}
        reply = yield _call(credentials, "PUT", f"/admin/users/{order.subject.author}/{verb}.json", body)
        return _read_penalty(reply, order.present)

    return penalise_user


def forgive(verb: str) -> Callable[[DiscourseCredentials, Order], Play]:
    def forgive_user(credentials: DiscourseCredentials, order: Order) -> Play:
        reply = yield _call(credentials, "PUT", f"/admin/users/{order.subject.author}/{verb}.json", {})
        return _read_penalty(reply, order.present)

    return forgive_user


def probe(credentials: DiscourseCredentials) -> Play:
    """Whoever sees the review queue may answer it."""
    reply = yield _call(credentials, "GET", "/review.json")
    return judge(reply, now())


def _answer_review(
    credentials: DiscourseCredentials, order: Order, wanted: tuple[str, ...]
) -> Steps[tuple[Outcome | None, str]]:
    """The first of these answers that the review queue allows about the post; without one, the post's own number.

    A queued post has a number only once it was published; before, there is nothing else to be done to it.
    """
    known = order.subject.external_id
    queued = known.startswith(QUEUED)
    number = known.removeprefix(QUEUED)
    if not queued:
        reply = yield _call(credentials, "GET", f"/posts/{known}.json")
        if reply.status in (401, 403) or reply.status == 429 or reply.status >= 500:
            return judge(reply, order.present), known
        number = str(pick(read_json(reply), "reviewable_id") or "")
    if not number:
        return None, known
    reply = yield _call(credentials, "GET", f"/review/{number}.json")
    if reply.status != 200:
        return (GONE if queued else None) if reply.status == 404 else judge(reply, order.present), known
    review = pick(read_json(reply), "reviewable")
    offered = _list_offered(read_json(reply))
    answer = next((one for one in wanted if one in offered), None)
    if answer is None:
        post = pick(review, "target_id") if queued else known
        return (GONE, known) if post is None else (None, str(post))
    path = f"/review/{number}/perform/{answer}.json?version={pick(review, 'version') or 0}"
    reply = yield _call(credentials, "PUT", path, {})
    return _read_review(reply, order.present), known


def _list_offered(document: Any) -> set[str]:
    """The answers that are possible now; their ids may be qualified by the kind of what waits."""
    actions = pick(document, "actions") or pick(document, "reviewable", "actions") or []
    named = [str(pick(action, "server_action") or pick(action, "id") or "") for action in actions]
    return {name.rpartition("-")[2] for name in named}


def _is_hidden(credentials: DiscourseCredentials, post: str) -> Steps[bool]:
    reply = yield _call(credentials, "GET", f"/posts/{post}.json")
    return pick(read_json(reply), "hidden") is True


def _read_review(reply: Reply, present: datetime) -> Outcome:
    """409: the queue has moved on since it was read; another look finds out how."""
    if reply.status in (400, 422):
        return refuse("claimed_by_another", reply)
    return judge(reply, present, gone=GONE)


def _read_penalty(reply: Reply, present: datetime) -> Outcome:
    """409 says that it is so already."""
    if reply.status == 409:
        return GONE
    return refuse("is_moderator", reply) if reply.status == 403 else judge(reply, present)


def _call(credentials: DiscourseCredentials, method: str, path: str, body: Any = None) -> Call:
    headers = {"api-key": credentials.api_key, "api-username": credentials.username, "accept": "application/json"}
    return send_json(method, f"{credentials.url.rstrip('/')}{path}", headers, body)


ACTOR = Actor(
    credentials=DiscourseCredentials,
    operations={
        "hide_post": Operation("item", hide_post, undo="unhide_post"),
        "unhide_post": Operation("item", unhide_post),
        "delete_post": Operation("item", delete_post, undo="recover_post", removes=True),
        "recover_post": Operation("item", recover_post),
        "approve_post": Operation("item", approve_post),
        "silence_user": Operation("author", penalise("silence", "silenced_till"), undo="unsilence_user", ends=True),
        "unsilence_user": Operation("author", forgive("unsilence")),
        "suspend_user": Operation("author", penalise("suspend", "suspend_until"), undo="unsuspend_user", ends=True),
        "unsuspend_user": Operation("author", forgive("unsuspend")),
    },
    defaults={
        ("allow", "item"): "approve_post",
        ("restrict", "item"): "hide_post",
        ("remove", "item"): "delete_post",
        ("restrict", "author"): "suspend_user",
        ("remove", "author"): "suspend_user",
    },
    probe=probe,
)
