"""YouTube: comments are not pushed. Threads of a channel are asked for, newest first, and those held for review.

A comment's revision is the second of its last edit: whether it is held or published, it is the same. A page costs one
unit of a day's 10,000. What an owner's own system posts to the source is a Standard Webhooks event.
https://developers.google.com/youtube/v3/docs/commentThreads/list
"""

from dataclasses import replace
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.sources import standard
from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.polling import (
    FAILURES,
    Asking,
    Grant,
    Polled,
    Poller,
    PollShape,
    RefusedError,
    explain_failure,
    fetch,
)
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_list, read_text, read_time
from veilleur.infra.outbound.http import Call, Reply
from veilleur.infra.outbound.oauth import TokenEndpoint
from veilleur.infra.outbound.steps import Steps
from veilleur.kernel.errors import Malformed
from veilleur.kernel.mended_json import mended_loads
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json

API = "https://www.googleapis.com/youtube/v3"
TOKENS = TokenEndpoint("https://oauth2.googleapis.com/token")
PAGE = 100
MOST_PAGES = 5
QUOTA_PAUSE_S = 3_600
"""The quota of a day comes back at midnight in California; until then we look once an hour."""
QUOTA = frozenset({"quotaExceeded", "dailyLimitExceeded", "rateLimitExceeded", "userRateLimitExceeded"})


class YoutubePoll(PollShape):
    sealed = "credentials"

    credentials: Grant
    channel_id: Annotated[str, Field(pattern=r"^UC[A-Za-z0-9_-]{10,40}$")]
    held: bool = True
    every_s: int = Field(default=900, ge=60, le=86_400)


def read_threads(asking: Asking) -> Steps[Polled]:
    """Pages until one holds nothing newer than the last poll saw, a bounded number; then what is held."""
    events: list[InboundEvent] = []
    seen = asking.cursor or 0
    newest, token = seen, ""
    try:
        for _ in range(MOST_PAGES if asking.cursor is not None else 1):
            page = yield from _fetch(asking, {"order": "time"} | ({"pageToken": token} if token else {}))
            newest = max(newest, *_list_times(page))
            events += read_page(page, held=False)
            token = read_id(page, "nextPageToken") or ""
            if not token or max(_list_times(page)) <= seen:
                break
        if asking.settings.get("held", True):
            page = yield from _fetch(asking, {"moderationStatus": "heldForReview"})
            events += read_page(page, held=True)
    except FAILURES as error:
        reason, after_s = explain_failure(error)
        # What is left out now is read next time: the cursor stays where it was.
        return Polled(events, None, reason, after_s=after_s)
    return Polled(events, newest or None)


def read_page(page: Json, *, held: bool) -> list[InboundEvent]:
    """The comments of a page's threads, oldest first, answers after what they answer."""
    found: list[InboundEvent] = []
    for thread in reversed(list(read_list(page, "items"))):
        top = dig(thread, "snippet", "topLevelComment")
        for comment in (top, *read_list(thread, "replies", "comments")):
            found += (_read_held if held else _read_shown)(_POLL, comment, _NOBODY)
    return found


def explain(url: str) -> list[Message]:
    return [
        msg("YouTube sends no comments: authorise an app of yours for youtube.force-ssl as the channel's owner"),
        msg("Give PUT …/poll its credentials and the channel's id"),
        msg("Your own system may send events to {url} too, signed as Standard Webhooks 1.0.0 says", url=url),
    ]


_POLL = Delivery("GET", {}, {}, b"")
_NOBODY = Known(())


def _map_shown(_delivery: Delivery, comment: Json, _known: Known) -> list[Mapped]:
    item = _read_item(comment)
    return [Mapped("item.created", item)] if item else []


def _map_held(_delivery: Delivery, comment: Json, _known: Known) -> list[Mapped]:
    item = _read_item(comment)
    return [Mapped("item.created", item | {"metadata": {"held": True}})] if item else []


_read_shown, _read_held = fit_events(_map_shown), fit_events(_map_held)


def _read_item(comment: Json) -> dict[str, Json] | None:
    said = dig(comment, "snippet")
    number, text = read_id(comment, "id"), read_text(said, "textOriginal") or read_text(said, "textDisplay")
    if number is None or text is None:
        return None
    video, parent = read_id(said, "videoId"), read_id(said, "parentId")
    return drop_empty(
        {
            "external_id": number,
            "revision": _read_second(said, "updatedAt") or _read_second(said, "publishedAt"),
            "kind": "comment",
            "text": text,
            "url": f"https://www.youtube.com/watch?v={video}&lc={number}" if video else None,
            "created_at": read_time(said, "publishedAt"),
            "author": {
                "external_id": read_id(said, "authorChannelId", "value"),
                "display_name": read_text(said, "authorDisplayName", limit=256),
            },
            "context": {
                "channel": read_id(said, "channelId"),
                "thread_id": video,
                "parent": {"external_id": parent} if parent else None,
            },
        }
    )


def _list_times(page: Json) -> list[int]:
    """When the threads of a page were begun; never none."""
    tops = [dig(thread, "snippet", "topLevelComment", "snippet") for thread in read_list(page, "items")]
    return [0, *(_read_second(top, "publishedAt") or 0 for top in tops)]


def _read_second(value: Json, name: str) -> int | None:
    written = read_time(value, name)
    return int(datetime.fromisoformat(written).timestamp()) if written else None


def _fetch(asking: Asking, query: dict[str, str]) -> Steps[Json]:
    fixed = {"part": "snippet,replies", "maxResults": str(PAGE), "textFormat": "plainText"}
    place = {"allThreadsRelatedToChannelId": str(asking.settings["channel_id"])}
    url = f"{API}/commentThreads?{urlencode(fixed | place | query)}"
    headers = {"authorization": f"Bearer {asking.secrets.get('access_token')}"}
    page, _ = yield from fetch(Call("GET", url, headers), _require_quota)
    return page


def _require_quota(reply: Reply) -> None:
    if reply.status != 403:
        return
    try:
        reason = dig(mended_loads(reply.body), "error", "errors", 0, "reason")
    except Malformed:
        return
    if reason in QUOTA:
        raise RefusedError("rate_limited", QUOTA_PAUSE_S)


PLATFORM = replace(standard.PLATFORM, explain=explain)
POLLER = Poller(YoutubePoll, read_threads, TOKENS, API)
