"""Reddit: no webhooks. The moderation queue of a subreddit is asked for; a Devvit app may post to the source as well.

What the app posts is a Standard Webhooks event with the thing's fullname as `external_id`, and the seconds of its last
edit, or else of its making, as `revision`: then nothing that comes in both ways is two things.
https://www.reddit.com/dev/api#GET_about_{location}
"""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Annotated

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
from veilleur.domain.intake.sources.reading import dig, drop_empty, read_id, read_list, read_text, read_unix_time
from veilleur.infra.outbound.http import Call, Reply
from veilleur.infra.outbound.oauth import TokenEndpoint
from veilleur.infra.outbound.steps import Steps
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import Json

API = "https://oauth.reddit.com"
TOKENS = TokenEndpoint("https://www.reddit.com/api/v1/access_token", basic=True)
AGENT = "server:veilleur:v1"
"""Reddit slows down who does not name itself."""
PAGE = 100
MOST_PAGES = 10


class RedditPoll(PollShape):
    sealed = "credentials"

    credentials: Grant
    subreddit: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{2,21}$")]
    every_s: int = Field(default=120, ge=60, le=86_400)


def sign_reddit(access_token: str | None) -> dict[str, str]:
    return {"authorization": f"Bearer {access_token}", "user-agent": AGENT}


def read_modqueue(asking: Asking) -> Steps[Polled]:
    """All that waits there: what was seen before is known by its number and revision."""
    events: list[InboundEvent] = []
    after = ""
    try:
        for _ in range(MOST_PAGES):
            query = f"?limit={PAGE}&raw_json=1" + (f"&after={after}" if after else "")
            url = f"{API}/r/{asking.settings['subreddit']}/about/modqueue{query}"
            call = Call("GET", url, sign_reddit(asking.secrets.get("access_token")))
            page, reply = yield from fetch(call)
            events += [event for thing in read_list(page, "data", "children") for event in _read(_POLL, thing, _NOBODY)]
            after = read_id(page, "data", "after") or ""
            if not after:
                break
            _require_quota(reply)
    except FAILURES as error:
        reason, after_s = explain_failure(error)
        return Polled(events, None, reason, after_s=after_s)
    return Polled(events)


def map_thing(_delivery: Delivery, thing: Json, _known: Known) -> list[Mapped]:
    """A comment or post that waits, and one report for each reason that members gave."""
    data = dig(thing, "data")
    item = _read_item(data, comment=dig(thing, "kind") == "t1")
    if item is None:
        return []
    reports = [
        Mapped("item.reported", {"external_id": item["external_id"], "report": report})
        for report in _read_reports(data)
    ]
    return [Mapped("item.created", item), *reports]


def explain(url: str) -> list[Message]:
    return [
        msg("Reddit sends nothing: make a script or web app at reddit.com/prefs/apps and authorise it as a moderator"),
        msg("Give PUT …/poll its credentials and the subreddit; the scopes are read, modposts and modcontributors"),
        msg("A Devvit app may send events to {url} too, signed as Standard Webhooks 1.0.0 says", url=url),
    ]


_POLL = Delivery("GET", {}, {}, b"")
_NOBODY = Known(())
_read = fit_events(map_thing)


def _read_item(data: Json, *, comment: bool) -> dict[str, Json] | None:
    number = read_id(data, "name")
    parts = [read_text(data, "body")] if comment else [read_text(data, "title"), read_text(data, "selftext")]
    text = "\n\n".join(part for part in parts if part)
    if number is None or not text:
        return None
    edited, made = dig(data, "edited"), dig(data, "created_utc")
    since = edited if isinstance(edited, int | float) and not isinstance(edited, bool) else made
    path, parent = read_text(data, "permalink", limit=1_900), read_id(data, "parent_id")
    return drop_empty(
        {
            "external_id": number,
            "revision": int(since) if isinstance(since, int | float) and since >= 1 else None,
            "kind": "comment" if comment else "post",
            "text": text[:50_000],
            "url": f"https://www.reddit.com{path}" if path else None,
            "created_at": read_unix_time(data, "created_utc"),
            "author": {
                "external_id": read_id(data, "author_fullname") or read_id(data, "author"),
                "display_name": read_text(data, "author", limit=256),
            },
            "context": {
                "channel": read_text(data, "subreddit", limit=256),
                "thread_id": read_id(data, "link_id"),
                "parent": {"external_id": parent} if parent else None,
            },
            "metadata": {"held": True},
        }
    )


def _read_reports(data: Json) -> Iterator[dict[str, Json]]:
    for report in read_list(data, "user_reports"):
        reason = read_text(report, 0, limit=256)
        if reason:
            yield {"source": "user", "reason": reason}


def _require_quota(reply: Reply) -> None:
    """Stop in time: the headers say how many calls are left, and for how many seconds none will be."""
    left, reset = (_read_number(reply.headers.get(f"x-ratelimit-{name}")) for name in ("remaining", "reset"))
    if left is not None and left < 1:
        raise RefusedError("rate_limited", ceil(reset or 60))


def _read_number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None


PLATFORM = replace(standard.PLATFORM, explain=explain)
POLLER = Poller(RedditPoll, read_modqueue, TOKENS, API)
