"""JSON text: strict reading, and where each value stands."""

import json
import re
from collections.abc import Iterator

from veilleur.domain.rules.syntax import Event, UnreadableError, find_duplicate_key, find_place
from veilleur.kernel.messages import msg


def read_json(text: str) -> object:
    """Raises `UnreadableError` for what is not JSON and for duplicate keys; NaN and infinite numbers come through."""
    try:
        value: object = json.loads(text, object_pairs_hook=_read_pairs, parse_int=_read_integer)
    except json.JSONDecodeError as error:
        raise UnreadableError(msg("is not JSON: {reason}", reason=error.msg), error.lineno, error.colno) from error
    except RecursionError as error:
        raise UnreadableError(msg("is nested too deeply")) from error
    except _DuplicateKeyError as error:
        duplicate = find_duplicate_key(list_json_events(text))
        place = (None, None) if duplicate is None else find_place(text, duplicate.start)
        raise UnreadableError(msg("the key {name} stands here twice", name=str(error)[:64]), *place) from error
    return value


def list_json_events(text: str) -> Iterator[Event]:
    """The events of a text that `read_json` reads."""
    for match in _TOKEN.finditer(text):
        start, end = match.span(1)
        written = match[1]
        if written in {"{", "["}:
            yield Event("object" if written == "{" else "list", start, end)
        elif written in {"}", "]"}:
            yield Event("end", start, end)
        elif written[0] == '"':
            yield Event("scalar", start, end, json.loads(written), '"')
        else:
            yield Event("scalar", start, end, written)


class _DuplicateKeyError(Exception):
    pass


_TOKEN = re.compile(r'[\s,:]*([{}\[\]]|"(?:[^"\\]|\\.)*"|[^\s,:{}\[\]"]+)', re.DOTALL)
_LONGEST_INTEGER = 20


def _read_pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return members


def _read_integer(digits: str) -> int:
    """Reading thousands of digits takes quadratic time; any number as long is too large, whichever it is."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else 1 << 64
