"""Slack: `chat.delete`. A bot may delete its own messages only, so the token is an administrator's user token.

There is no hiding, and no taking back. https://docs.slack.dev/reference/methods/chat.delete/
"""

from datetime import datetime

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
from veilleur.infra.outbound.http import Reply
from veilleur.kernel.clock import now

API = "https://slack.com/api"


class SlackCredentials(Credentials):
    token: Token


def delete_message(credentials: SlackCredentials, order: Order) -> Play:
    _, channel, ts = (*order.subject.external_id.split(":"), "", "")[:3]
    body = {"channel": channel, "ts": ts}
    reply = yield send_json("POST", f"{API}/chat.delete", _headers(credentials), body)
    return _read(reply, order.present)


def probe(credentials: SlackCredentials) -> Play:
    reply = yield send_json("POST", f"{API}/auth.test", _headers(credentials), {})
    return _read(reply, now())


def _headers(credentials: SlackCredentials) -> dict[str, str]:
    return {"authorization": f"Bearer {credentials.token}"}


_REFUSALS = {
    "cant_delete_message": "not_allowed",
    "compliance_exports_prevent_deletion": "kept_for_compliance",
    "channel_not_found": "not_found",
    "missing_scope": "forbidden",
    "no_permission": "forbidden",
} | dict.fromkeys(("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"), "unauthorized")
_PASSING = frozenset({"internal_error", "fatal_error", "service_unavailable", "request_timeout", "ratelimited"})


def _read(reply: Reply, present: datetime) -> Outcome:
    """Slack says no with a 200 as well."""
    if reply.status != 200:
        return judge(reply, present)
    document = read_json(reply)
    if pick(document, "ok") is True:
        return DONE
    error = str(pick(document, "error"))
    if error == "message_not_found":
        return GONE
    return again(reply, present) if error in _PASSING else refuse(_REFUSALS.get(error, "rejected"), reply)


ACTOR = Actor(
    credentials=SlackCredentials,
    operations={"delete_message": Operation("item", delete_message, removes=True)},
    defaults={("remove", "item"): "delete_message"},
    probe=probe,
)
