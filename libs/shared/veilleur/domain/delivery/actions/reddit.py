"""Reddit: removing and approving as a moderator of the subreddit, bans by user name. Things go by their fullname.

https://www.reddit.com/dev/api#section_moderation
"""

from collections.abc import Callable
from math import ceil
from urllib.parse import urlencode

from veilleur.domain.delivery.actions.protocol import (
    GONE,
    Actor,
    OAuthCredentials,
    Operation,
    Order,
    Outcome,
    Play,
    judge,
    refuse,
    seconds_left,
)
from veilleur.domain.intake.sources.reddit import API, TOKENS, sign_reddit
from veilleur.infra.outbound.http import Call
from veilleur.kernel.clock import now

MOST_DAYS = 999


def moderate(
    verb: str, form: dict[str, str], *, gone: Outcome | None = None
) -> Callable[[OAuthCredentials, Order], Play]:
    def moderate_thing(credentials: OAuthCredentials, order: Order) -> Play:
        reply = yield _post(credentials, f"/api/{verb}", {"id": order.subject.external_id} | form)
        return judge(reply, order.present, gone=gone)

    return moderate_thing


def ban_user(credentials: OAuthCredentials, order: Order) -> Play:
    lasts_s = seconds_left(order)
    days = None if lasts_s is None else ceil(lasts_s / 86_400)
    if not (order.subject.channel and order.subject.author_name):
        return refuse("no_author")
    if days is not None and days > MOST_DAYS:
        return refuse("too_long")
    form = {"type": "banned", "name": order.subject.author_name, "note": order.reason or "", "api_type": "json"}
    form |= {} if days is None else {"duration": str(days)}
    reply = yield _post(credentials, f"/r/{order.subject.channel}/api/friend", form)
    return judge(reply, order.present)


def unban_user(credentials: OAuthCredentials, order: Order) -> Play:
    form = {"type": "banned", "name": str(order.subject.author_name)}
    reply = yield _post(credentials, f"/r/{order.subject.channel}/api/unfriend", form)
    return judge(reply, order.present, gone=GONE)


def probe(credentials: OAuthCredentials) -> Play:
    reply = yield Call("GET", f"{API}/api/v1/me", sign_reddit(credentials.access_token))
    return judge(reply, now())


def _post(credentials: OAuthCredentials, path: str, form: dict[str, str]) -> Call:
    headers = sign_reddit(credentials.access_token) | {"content-type": "application/x-www-form-urlencoded"}
    return Call("POST", f"{API}{path}", headers, urlencode(form).encode())


_REMOVE = moderate("remove", {"spam": "false"}, gone=GONE)

ACTOR = Actor(
    credentials=OAuthCredentials,
    operations={
        "remove_thing": Operation(
            "item", moderate("remove", {"spam": "false"}, gone=GONE), undo="approve_thing", removes=True
        ),
        "approve_thing": Operation("item", moderate("approve", {})),
        "lock_thing": Operation("item", moderate("lock", {}), undo="unlock_thing"),
        "unlock_thing": Operation("item", moderate("unlock", {})),
        "ban_user": Operation("author", ban_user, undo="unban_user", ends=True),
        "unban_user": Operation("author", unban_user),
    },
    defaults={
        ("allow", "item"): "approve_thing",
        ("restrict", "item"): "remove_thing",
        ("remove", "item"): "remove_thing",
        ("restrict", "author"): "ban_user",
        ("remove", "author"): "ban_user",
    },
    probe=probe,
    tokens=TOKENS,
)
