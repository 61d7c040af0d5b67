"""Keyset pages: `{"data": [...], "next": cursor | null}`.

A cursor is the sort key of the last row shown, as URL-safe base64 of a JSON array; it is opaque to callers.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar
from uuid import UUID

from veilleur.kernel.clock import has_instant
from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import msg

MAX_LIMIT = 200

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """How many rows (1 to 200) and after which sort key."""

    limit: int
    after: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    data: list[T]
    next: str | None


def write_cursor(key: Sequence[str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(list(key)).encode()).decode().rstrip("=")


def read_cursor(cursor: str, *, parts: int) -> tuple[str, ...]:
    """The sort key in a cursor; `Invalid` with a pointer when it is none of ours."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error, RecursionError):
        key = None
    if not isinstance(key, list) or len(key) != parts or not all(map(_is_plain, key)):
        raise _no_cursor()
    return tuple(key)


def _is_plain(part: object) -> bool:
    """Text that a database takes: no NUL, no half surrogate pair."""
    return isinstance(part, str) and not _UNSTORABLE.search(part)


def cut_page(rows: Sequence[T], request: PageRequest, key: Callable[[T], Sequence[str]]) -> Page[T]:
    """A page from `limit + 1` fetched rows: the extra row only tells that there is a next page."""
    shown = list(rows[: request.limit])
    more = len(rows) > request.limit
    return Page(shown, write_cursor(key(shown[-1])) if more and shown else None)


def read_moment(after: Sequence[str]) -> tuple[datetime, UUID]:
    """The sort key of lists that go by an instant and then an id."""
    try:
        moment, identifier = datetime.fromisoformat(after[0]), UUID(after[1])
    except (ValueError, IndexError):
        raise _no_cursor() from None
    if moment.tzinfo is None or not has_instant(moment):
        raise _no_cursor()
    return moment, identifier


def read_uuid(text: str) -> UUID:
    """The id in a cursor; one that names none begins at the first."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def _no_cursor() -> Invalid:
    return Invalid(
        msg("The cursor is not one that was given out here"),
        errors=[InputError("/after", msg("not a cursor"), msg("use the value of `next` as it came"))],
    )
