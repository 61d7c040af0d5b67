"""Reading a Discourse forum, for what its webhooks missed while we or the network were away; pure.

New posts, edits of the newest fifty and, one window a poll, of the thousand before them, and the review queue.

A page of `posts.json` holds the public posts of a window of fifty numbers that ends at `before`, so windows laid end
to end miss none.
https://docs.discourse.org/#tag/Posts/operation/listPosts
"""

from typing import Annotated

from pydantic import Field

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.sources import discourse
from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.polling import (
    FAILURES,
    Asking,
    Polled,
    Poller,
    PollShape,
    explain_failure,
    fetch,
)
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped
from veilleur.domain.intake.sources.reading import dig, read_list
from veilleur.infra.outbound.http import Call
from veilleur.infra.outbound.steps import Steps
from veilleur.kernel.strict_json import Json

WINDOW = 50
MOST_PAGES = 20
WALK = 1_000
"""So many posts back edits are looked for."""


class DiscoursePoll(PollShape):
    """The forum's own address, and an API key that may read its posts and, for the review queue, review them."""

    sealed = "api_key"

    url: Annotated[str, Field(min_length=1, max_length=2_048)]
    username: Annotated[str, Field(pattern=r"^[!-~]{1,100}$")] = "system"
    api_key: Annotated[str, Field(pattern=r"^[!-~]{8,256}$")]
    every_s: int = Field(default=300, ge=60, le=86_400)
    review_queue: bool = True


def read_forum(asking: Asking) -> Steps[Polled]:
    events: list[InboundEvent] = []
    cursor, walk = asking.cursor, asking.marks.get("walk")
    try:
        latest = yield from _fetch(asking, "/posts.json")
        newest = find_newest(latest)
        events += read_page(latest, asking.known, asking.url)
        for before in [] if cursor is None else plan_windows(cursor, newest):
            page = yield from _fetch(asking, f"/posts.json?before={before}")
            events += read_page(page, asking.known, asking.url)
            cursor = min(before, newest)
        cursor = cursor or newest or None
        walk = find_walk(walk, newest)
        if walk > 0:
            page = yield from _fetch(asking, f"/posts.json?before={walk}")
            events += read_page(page, asking.known, asking.url)
        if asking.settings.get("review_queue", True):
            queue = yield from _fetch(asking, "/review.json?status=pending")
            events += read_queue(queue, asking.known)
    except FAILURES as error:
        reason, after_s = explain_failure(error)
        return Polled(events, cursor, reason, {"walk": walk}, after_s)
    return Polled(events, cursor, marks={"walk": walk})


def find_walk(walk: int | None, newest: int) -> int:
    """The `before` of the window that is read again now: from the newest backwards, then from the start anew."""
    start = newest - WINDOW
    step = start if walk is None else walk - WINDOW
    return step if max(0, newest - WALK) <= step <= start else start


def read_queue(queue: Json, known: Known) -> list[InboundEvent]:
    """What members flagged and what waits for approval, as if its webhook had come."""
    return [event for review in read_list(queue, "reviewables") for event in _read_review(_REVIEW, review, known)]


def find_newest(page: Json) -> int:
    """The highest number on a page; 0 when it is empty."""
    numbers = [dig(post, "id") for post in read_list(page, "latest_posts")]
    return max((number for number in numbers if isinstance(number, int)), default=0)


def plan_windows(cursor: int, newest: int) -> list[int]:
    """The `before` of each page that is to be read next, oldest first, so that nothing after `cursor` is left out."""
    return list(range(cursor + WINDOW, newest + WINDOW, WINDOW))[:MOST_PAGES] if newest > cursor else []


def read_page(page: Json, known: Known, url: str) -> list[InboundEvent]:
    """The posts of a page as if their webhooks had come, oldest first."""
    posts = sorted(read_list(page, "latest_posts"), key=lambda post: str(dig(post, "created_at")))
    return [event for post in posts for event in _read_post(Delivery("POST", {}, _headers(url), b""), post, known)]


def _headers(url: str) -> dict[str, str]:
    return {"x-discourse-event": "post_created", "x-discourse-instance": url.rstrip("/")}


def _map_post(delivery: Delivery, post: Json, known: Known) -> list[Mapped]:
    return discourse.map_events(delivery, {"post": post}, known)


_read_post = fit_events(_map_post)
_REVIEW = Delivery("POST", {}, {"x-discourse-event": "reviewable_created"}, b"")


def _map_review(_delivery: Delivery, review: Json, _known: Known) -> list[Mapped]:
    return discourse.read_review(review)


_read_review = fit_events(_map_review)


def _fetch(asking: Asking, path: str) -> Steps[Json]:
    headers = {"api-key": str(asking.secrets["api_key"]), "api-username": asking.username}
    page, _ = yield from fetch(Call("GET", f"{asking.url.rstrip('/')}{path}", headers))
    return page


POLLER = Poller(DiscoursePoll, read_forum)
