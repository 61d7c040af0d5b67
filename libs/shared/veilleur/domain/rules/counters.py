"""Reading the counters of a rule set: state is declared, never written in a condition."""

import re

from veilleur.domain.rules.document import MAX_EXPRESSION, CounterDeclaration, Leaf
from veilleur.domain.rules.findings import suggest_name
from veilleur.domain.rules.reading import Place, read_fields, read_integer, read_items, read_named, read_text
from veilleur.domain.rules.schema import FIELDS, GATHERED, FieldType
from veilleur.kernel.messages import msg

MAX_COUNTERS = 50
MAX_KEYS = 4
MAX_BUCKETS = 60
USUAL_BUCKETS = 10
MAX_WINDOW_S = 30 * 86_400

COUNTABLE = tuple(
    name
    for name, kind in FIELDS.items()
    if name not in GATHERED and kind in {FieldType.TEXT, FieldType.INT, FieldType.BOOL, FieldType.TEXTS}
)
"""Fields that say by themselves which items belong together; of a list, each of its values is one key."""


def read_counters(place: Place) -> tuple[CounterDeclaration, ...]:
    counters = (_read_counter(name, member) for name, member in read_named(place, MAX_COUNTERS))
    return tuple(counter for counter in counters if counter is not None)


_FIELDS = ("key", "window", "buckets", "distinct", "where")
_WINDOW = re.compile(r"([1-9]\d{0,6})([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


def _read_counter(name: str, place: Place) -> CounterDeclaration | None:
    fields = read_fields(place, _FIELDS, required=["key", "window"])
    key = _read_key(fields["key"]) if "key" in fields else ()
    window_s = _read_window(fields["window"]) if "window" in fields else None
    buckets = read_integer(fields["buckets"], 1, MAX_BUCKETS) if "buckets" in fields else USUAL_BUCKETS
    distinct = _read_field(fields["distinct"]) if "distinct" in fields else None
    where = read_text(fields["where"], MAX_EXPRESSION) if "where" in fields else None
    if not key or window_s is None:
        return None
    leaf = None if where is None else Leaf(where, (*place.path, "where"))
    return CounterDeclaration(name, key, window_s, buckets or USUAL_BUCKETS, distinct, leaf)


def _read_key(place: Place) -> tuple[str, ...]:
    places = read_items(place, MAX_KEYS) if isinstance(place.value, list) else [place]
    if isinstance(place.value, list) and not place.value:
        place.complain(msg("must not be empty"), slug="empty")
    names = tuple(name for item in places if (name := _read_field(item)) is not None)
    lists = [name for name in names if FIELDS[name] is FieldType.TEXTS]
    if len(lists) > 1:
        place.complain(msg("only one of these may be a list: {names}", names=lists), slug="type")
    return names if len(names) == len(places) and len(lists) <= 1 else ()


def _read_field(place: Place) -> str | None:
    text = read_text(place, 64)
    if text is None or text in COUNTABLE:
        return text
    if text in FIELDS:
        place.complain(msg("{name} can't be counted by", name=text), slug="type")
    else:
        hint = suggest_name(text, COUNTABLE) or msg("known here: {names}", names=COUNTABLE)
        place.complain(msg("{name} is not a known name", name=text), hint, slug="unknown-name")
    return None


def _read_window(place: Place) -> int | None:
    text = read_text(place, 10)
    if text is None:
        return None
    window = _WINDOW.fullmatch(text)
    seconds = int(window[1]) * _SECONDS[window[2]] if window else 0
    if not 10 <= seconds <= MAX_WINDOW_S:
        place.complain(
            msg("must be a time from {low} to {high}", low="10s", high="30d"),
            msg("write it like {examples}", examples=["10m", "1h", "7d"]),
            slug="range",
        )
        return None
    return seconds
