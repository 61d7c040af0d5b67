"""Mastodon: what an administrator may do to accounts. No call deletes somebody else's post.

https://docs.joinmastodon.org/methods/admin/accounts/#action
"""

from collections.abc import Callable
from typing import ClassVar

from veilleur.domain.delivery.actions.protocol import (
    Actor,
    Credentials,
    Operation,
    Order,
    Play,
    Site,
    Token,
    judge,
    refuse,
    send_json,
)
from veilleur.infra.outbound.http import Call
from veilleur.kernel.clock import now


class MastodonCredentials(Credentials):
    """The instance's address, and a token with the scope `admin:write:accounts`."""

    shown: ClassVar[tuple[str, ...]] = ("url",)

    url: Site
    access_token: Token


def act(kind: str) -> Callable[[MastodonCredentials, Order], Play]:
    def act_on_account(credentials: MastodonCredentials, order: Order) -> Play:
        if not order.subject.author:
            return refuse("no_author")
        path = f"/api/v1/admin/accounts/{order.subject.author}/action"
        reply = yield _call(credentials, "POST", path, {"type": kind, "text": order.reason or ""})
        return judge(reply, order.present)

    return act_on_account


def take_back(verb: str) -> Callable[[MastodonCredentials, Order], Play]:
    def free_account(credentials: MastodonCredentials, order: Order) -> Play:
        reply = yield _call(credentials, "POST", f"/api/v1/admin/accounts/{order.subject.author}/{verb}")
        return judge(reply, order.present)

    return free_account


def probe(credentials: MastodonCredentials) -> Play:
    """Reading one account needs the administrator's scope too."""
    reply = yield _call(credentials, "GET", "/api/v2/admin/accounts?limit=1")
    return judge(reply, now())


def _call(credentials: MastodonCredentials, method: str, path: str, body: dict[str, str] | None = None) -> Call:
    headers = {"authorization": f"Bearer {credentials.access_token}"}
    return send_json(method, f"{credentials.url.rstrip('/')}{path}", headers, body)


ACTOR = Actor(
    credentials=MastodonCredentials,
    operations={
        "mark_sensitive": Operation("author", act("sensitive"), undo="unmark_sensitive"),
        "unmark_sensitive": Operation("author", take_back("unsensitive")),
        "limit_account": Operation("author", act("silence"), undo="unlimit_account"),
        "unlimit_account": Operation("author", take_back("unsilence")),
        "freeze_account": Operation("author", act("disable"), undo="unfreeze_account"),
        "unfreeze_account": Operation("author", take_back("enable")),
        "suspend_account": Operation("author", act("suspend"), undo="unsuspend_account"),
        "unsuspend_account": Operation("author", take_back("unsuspend")),
    },
    defaults={("restrict", "author"): "limit_account", ("remove", "author"): "suspend_account"},
    probe=probe,
)
