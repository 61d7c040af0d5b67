"""Facebook Pages and Instagram: hiding and deleting comments through the Graph API.

Each account has a token of its own: one app may serve many. https://developers.facebook.com/docs/graph-api/reference/comment/
"""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated

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
    Token,
    again,
    judge,
    pick,
    read_json,
    refuse,
    send_json,
)
from veilleur.infra.outbound.http import Call, Reply
from veilleur.kernel.clock import now

API = "https://graph.facebook.com/v23.0"

Account = Annotated[str, Field(pattern=r"^[0-9]{1,30}$")]


class MetaCredentials(Credentials):
    """Page access tokens by the id of the Page, or of the Instagram account, that they act for."""

    tokens: Annotated[dict[Account, Token], Field(min_length=1, max_length=1_000)]


def hide(*, hidden: bool) -> Callable[[MetaCredentials, Order], Play]:
    def hide_comment(credentials: MetaCredentials, order: Order) -> Play:
        name = "hide" if order.subject.metadata.get("network") == "instagram" else "is_hidden"
        token = _find_token(credentials, order)
        if token is None:
            return refuse("no_token")
        reply = yield _call("POST", f"/{order.subject.external_id}?{name}={str(hidden).lower()}", token)
        return _read(reply, order.present, GONE if hidden else None)

    return hide_comment


def delete_comment(credentials: MetaCredentials, order: Order) -> Play:
    token = _find_token(credentials, order)
    if token is None:
        return refuse("no_token")
    reply = yield _call("DELETE", f"/{order.subject.external_id}", token)
    return _read(reply, order.present, GONE)


def probe(credentials: MetaCredentials) -> Play:
    """Every token: one that ran out would be found only when it is needed."""
    for account, token in credentials.tokens.items():
        reply = yield _call("GET", f"/{account}?fields=id", token)
        outcome = _read(reply, now())
        if outcome.state != "done":
            return outcome
    return DONE


def _find_token(credentials: MetaCredentials, order: Order) -> str | None:
    """The account stands with the item; of a single account it is clear without."""
    account = order.subject.metadata.get("account")
    if account is None and len(credentials.tokens) == 1:
        return next(iter(credentials.tokens.values()))
    return credentials.tokens.get(str(account))


def _call(method: str, path: str, token: str) -> Call:
    return send_json(method, f"{API}{path}", {"authorization": f"Bearer {token}"})


_PASSING = frozenset({1, 2, 4, 17, 32, 341, 368, 613})
_FORBIDDEN = frozenset({3, 10, *range(200, 300)})
_NO_SUCH_OBJECT = 33


def _read(reply: Reply, present: datetime, gone: Outcome | None = None) -> Outcome:
    """https://developers.facebook.com/docs/graph-api/guides/error-handling"""
    if 200 <= reply.status < 300:
        return DONE
    error = pick(read_json(reply), "error")
    code, detail = pick(error, "code"), pick(error, "error_subcode")
    if code in _PASSING:
        return again(reply, present)
    if code == 190:
        return refuse("unauthorized", reply)
    if code in _FORBIDDEN:
        return refuse("forbidden", reply)
    if code == 803 or (code == 100 and detail == _NO_SUCH_OBJECT):
        return gone or refuse("not_found", reply)
    return judge(reply, present, gone=gone)


ACTOR = Actor(
    credentials=MetaCredentials,
    operations={
        "hide_comment": Operation("item", hide(hidden=True), undo="show_comment"),
        "show_comment": Operation("item", hide(hidden=False)),
        "delete_comment": Operation("item", delete_comment, removes=True),
    },
    defaults={("restrict", "item"): "hide_comment", ("remove", "item"): "delete_comment"},
    probe=probe,
)
