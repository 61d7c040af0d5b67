"""The kinds of sources there are; a new platform is a file and a line here."""

from collections.abc import Mapping

from veilleur.domain.intake.sources import (
    discord,
    discourse,
    generic,
    linkedin,
    mastodon,
    meta,
    reddit,
    slack,
    standard,
    telegram,
    tiktok,
    twitch,
    x,
    youtube,
)
from veilleur.domain.intake.sources.discourse_pages import POLLER as DISCOURSE_POLLER
from veilleur.domain.intake.sources.polling import Poller
from veilleur.domain.intake.sources.protocol import Platform

PLATFORMS: Mapping[str, Platform] = {
    "standard": standard.PLATFORM,
    "slack": slack.PLATFORM,
    "discord": discord.PLATFORM,
    "telegram": telegram.PLATFORM,
    "discourse": discourse.PLATFORM,
    "meta": meta.PLATFORM,
    "twitch": twitch.PLATFORM,
    "mastodon": mastodon.PLATFORM,
    "x": x.PLATFORM,
    "linkedin": linkedin.PLATFORM,
    "tiktok": tiktok.PLATFORM,
    "generic": generic.PLATFORM,
    "reddit": reddit.PLATFORM,
    "youtube": youtube.PLATFORM,
}

POLLERS: Mapping[str, Poller] = {
    "discourse": DISCOURSE_POLLER,
    "reddit": reddit.POLLER,
    "youtube": youtube.POLLER,
}
