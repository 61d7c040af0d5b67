"""Credentials, subjects and orders of each platform, and playing an order against canned answers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.support.platforms import OAUTH, Asked, answer, ask
from veilleur.domain.delivery.actions.protocol import Order, Outcome, Subject
from veilleur.domain.delivery.perform import perform

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(days=3)
BOT = "123456:ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
GRANTED = OAUTH | {"access_token": "access-1"}

CREDENTIALS = {
    "discourse": {"url": "https://forum.example/talk", "username": "mod", "api_key": "key-of-the-forum"},
    "slack": {"token": "xoxp-a-token"},
    "telegram": {"bot_token": BOT},
    "discord": {"bot_token": "bot-token-of-ours"},
    "discord_guild": {"bot_token": "bot-token-of-ours", "guild_id": "77"},
    "meta": {"tokens": {"178": "token-of-178", "448": "token-of-448"}},
    "twitch": GRANTED | {"moderator_id": "99"},
    "mastodon": {"url": "https://social.example", "access_token": "token-of-admin"},
    "x": GRANTED,
    "youtube": GRANTED,
    "reddit": GRANTED,
}
SUBJECTS = {
    "discourse": Subject("7", author="42"),
    "slack": Subject("T061EG9R6:C024BE91L:1355517523.000005", author="U1"),
    "telegram": Subject("-1001:1365", author="1111111", channel="-1001", created_at=NOW - timedelta(hours=1)),
    "discord": Subject("1397", author="12", channel="1396"),
    "discord_guild": Subject("1397", author="12", channel="1396"),
    "meta": Subject("122_121", author="5", metadata={"account": "448", "network": "facebook"}),
    "twitch": Subject("2be25c2f", author="4242", channel="1971641"),
    "mastodon": Subject("110", author="42"),
    "x": Subject("1346889436626259968", author="2244994945"),
    "youtube": Subject("Ugz1", author="UC1", channel="UC2"),
    "reddit": Subject("t1_abc", author="t2_x", author_name="spammer", channel="pics"),
}


def play(
    platform: str, operation: str, *replies, credentials=None, order=None, **subject
) -> tuple[Outcome, list[Asked]]:
    """What comes of an order when the platform answers so, and what it was asked; the last answer stays."""
    asked: list[Asked] = []
    left = list(replies) or [answer(204)]

    def handle(one: Asked):
        asked.append(one)
        return left.pop(0) if len(left) > 1 else left[0]

    about = replace(SUBJECTS[platform], **subject)
    wanted = replace(order or Order(about, NOW, reason="dec_1"), subject=about)
    steps = perform(platform, operation, credentials or CREDENTIALS[platform], wanted)
    try:
        call = next(steps)
        while True:
            call = steps.send(ask(handle, call))
    except StopIteration as ended:
        return ended.value, asked


def until(moment: datetime = UNTIL) -> Order:
    return Order(Subject(""), NOW, moment, "dec_1")
