"""X: replies to the account's own posts are hidden and shown again; nobody else's post can be deleted.

Fifty calls a quarter of an hour. https://docs.x.com/x-api/posts/hide-reply
"""

from collections.abc import Callable
from datetime import datetime

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
    refuse,
    send_json,
)
from veilleur.infra.outbound.http import Call, Reply
from veilleur.infra.outbound.oauth import TokenEndpoint
from veilleur.kernel.clock import now

API = "https://api.x.com/2"


def hide(*, hidden: bool) -> Callable[[OAuthCredentials, Order], Play]:
    def hide_reply(credentials: OAuthCredentials, order: Order) -> Play:
        path = f"/tweets/{order.subject.external_id}/hidden"
        reply = yield _call(credentials, "PUT", path, {"hidden": hidden})
        return _read(reply, order.present, GONE if hidden else None)

    return hide_reply


def probe(credentials: OAuthCredentials) -> Play:
    reply = yield _call(credentials, "GET", "/users/me")
    return _read(reply, now())


def _call(credentials: OAuthCredentials, method: str, path: str, body: dict[str, bool] | None = None) -> Call:
    return send_json(method, f"{API}{path}", {"authorization": f"Bearer {credentials.access_token}"}, body)


def _read(reply: Reply, present: datetime, gone: Outcome | None = None) -> Outcome:
    reset = reply.headers.get("x-rate-limit-reset", "")
    if reply.status == 429 and reset.isdecimal():
        return again(reply, present, max(0.0, int(reset[:12]) - present.timestamp()))
    if reply.status == 403:
        return refuse("not_own_conversation", reply)
    return judge(reply, present, gone=gone)


ACTOR = Actor(
    credentials=OAuthCredentials,
    operations={
        "hide_reply": Operation("item", hide(hidden=True), undo="show_reply"),
        "show_reply": Operation("item", hide(hidden=False)),
    },
    defaults={("restrict", "item"): "hide_reply", ("remove", "item"): "hide_reply"},
    probe=probe,
    tokens=TokenEndpoint("https://api.x.com/2/oauth2/token", basic=True),
)
