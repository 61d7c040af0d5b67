"""Reading what platforms send, without trust in its shape: whatever is missing or of another type is absent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from html.parser import HTMLParser

from veilleur.kernel.clock import to_rfc3339
from veilleur.kernel.strict_json import Json

TEXT_LIMIT = 50_000
ID_LIMIT = 256


def dig(value: Json, *path: str | int) -> Json:
    """What stands at a path, or None."""
    for step in path:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and -len(value) <= step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def read_text(value: Json, *path: str | int, limit: int = TEXT_LIMIT) -> str | None:
    """A text that says something, cut to what an item may hold."""
    found = dig(value, *path)
    return found[:limit] if isinstance(found, str) and found else None


def read_id(value: Json, *path: str | int) -> str | None:
    """An identifier: text, or a whole number as text."""
    found = dig(value, *path)
    if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
        return None
    return str(found)[:ID_LIMIT]


def read_list(value: Json, *path: str | int) -> Iterator[Json]:
    found = dig(value, *path)
    yield from found if isinstance(found, list) else ()


def read_unix_time(value: Json, *path: str | int) -> str | None:
    """Seconds since 1970, as a number or as text (`1355517523.000005`), in the contract's form."""
    found = dig(value, *path)
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        return to_rfc3339(datetime.fromtimestamp(float(found), UTC))
    except (ValueError, OverflowError, OSError):
        return None


def read_time(value: Json, *path: str | int) -> str | None:
    """An ISO 8601 time in the contract's form; one without an offset is UTC."""
    found = dig(value, *path)
    if not isinstance(found, str):
        return None
    try:
        instant = datetime.fromisoformat(found)
    except ValueError:
        return None
    return to_rfc3339(instant if instant.tzinfo else instant.replace(tzinfo=UTC))


def drop_empty(fields: dict[str, Json]) -> dict[str, Json]:
    """Without what is not known, and without parts in which nothing is."""
    kept = {name: drop_empty(value) if isinstance(value, dict) else value for name, value in fields.items()}
    return {name: value for name, value in kept.items() if value is not None and value not in ({}, [])}


def strip_markup(html: str) -> str:
    """The words of HTML, with a line break where a block or a `<br>` ends."""
    parser = _Words()
    parser.feed(html)
    parser.close()
    return "\n".join(" ".join(line.split()) for line in "".join(parser.words).split("\n")).strip()


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data.replace("\n", " "))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - the parser's
        if tag == "br":
            self.words.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in {"p", "div", "li", "blockquote", "h1", "h2", "h3"}:
            self.words.append("\n")
