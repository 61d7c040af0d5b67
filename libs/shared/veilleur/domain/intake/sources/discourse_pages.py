"""Reading Discourse's `posts.json`, for what its webhooks missed while we or the network were away; pure.

A page holds the public posts of a window of fifty numbers that ends at `before`, so windows laid end to end miss none.
https://docs.discourse.org/#tag/Posts/operation/listPosts
"""

from veilleur.domain.intake.envelope import InboundEvent
from veilleur.domain.intake.sources import discourse
from veilleur.domain.intake.sources.fitting import fit_events
from veilleur.domain.intake.sources.protocol import Delivery, Known, Mapped
from veilleur.domain.intake.sources.reading import dig, read_list
from veilleur.kernel.strict_json import Json

WINDOW = 50
MOST_PAGES = 20


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
