"""The platforms that can be acted on; a new one is a file and a line here."""

from collections.abc import Mapping

from veilleur.domain.delivery.actions import (
    discord,
    discourse,
    mastodon,
    meta,
    reddit,
    slack,
    telegram,
    twitch,
    x,
    youtube,
)
from veilleur.domain.delivery.actions.protocol import Actor

ACTORS: Mapping[str, Actor] = {
    "discourse": discourse.ACTOR,
    "slack": slack.ACTOR,
    "telegram": telegram.ACTOR,
    "discord": discord.LOBBY,
    "discord_guild": discord.GUILD,
    "meta": meta.ACTOR,
    "twitch": twitch.ACTOR,
    "mastodon": mastodon.ACTOR,
    "x": x.ACTOR,
    "youtube": youtube.ACTOR,
    "reddit": reddit.ACTOR,
}

BRIDGED = frozenset({"standard", "generic"})
"""Sources of these kinds bring content of any platform: the owner says which, where it is to be acted on."""


def find_platform(kind: str, named: str | None) -> str | None:
    """The platform that a source of this kind acts on; None where there is none, or none was named."""
    platform = named if kind in BRIDGED else kind
    return platform if platform in ACTORS else None
