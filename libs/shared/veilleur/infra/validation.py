"""What pydantic finds wrong, in our words: pointers (RFC 6901) and sentences in both languages."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

from pydantic_core import ErrorDetails

from veilleur.kernel.errors import InputError, Invalid
from veilleur.kernel.messages import Message, msg
from veilleur.kernel.strict_json import extend_pointer

MOST_ERRORS = 200
"""Beyond these a list of mistakes helps nobody, and a hostile body could make it as long as itself."""

_Step: TypeAlias = str | int
_Context: TypeAlias = Mapping[str, object]


def invalid_from_pydantic(
    errors: Sequence[ErrorDetails], *, prefix: str = "", drop: int = 0, document: object = None
) -> Invalid:
    """Pydantic's `errors()`, the first `MOST_ERRORS` of them, as one `Invalid` (422).

    `prefix` is the pointer to what was validated where that is a part of a document, `drop` the number of leading
    steps that are no part of it (FastAPI's `body`). Pydantic names the tried member of a union among the steps: with
    the `document` that was validated these names are recognised and left out, without it only some of them.

    A validator of ours that raises `ValueError(msg(…))` keeps both languages.
    """
    return Invalid(
        msg("Some values can't be accepted"),
        errors=[_translate(error, prefix, drop, document) for error in errors[:MOST_ERRORS]],
    )


def _translate(error: ErrorDetails, prefix: str, drop: int, document: object) -> InputError:
    context = error.get("ctx", {})
    pointer = prefix
    for step in _find_steps(error["loc"][drop:], error["type"], document):
        pointer = extend_pointer(pointer, step)
    discriminator = str(context.get("discriminator", ""))
    if discriminator.startswith("'"):
        pointer = extend_pointer(pointer, discriminator.strip("'"))
    if error["type"] == "missing" and error["loc"] == ("body",):
        return InputError(pointer, msg("there is no body"), msg("send a JSON document as application/json"))
    return InputError(pointer, _word(error["type"], error["msg"], context))


def _find_steps(location: Sequence[_Step], kind: str, document: object) -> Iterator[_Step]:
    """The steps that lead into the document, without the names of union members, validators and `[key]`."""
    node = document
    for position, step in enumerate(location, start=1):
        if document is None:
            inside = not _MADE_UP.fullmatch(str(step))
        else:
            below = _enter(node, step)
            inside = below is not _NOWHERE
            node = below if inside else node
        if inside or (position == len(location) and kind in _NAMES_A_FIELD):
            yield step


def _enter(node: object, step: _Step) -> object:
    if isinstance(node, Mapping):
        return node.get(step, _NOWHERE)
    if isinstance(node, list) and isinstance(step, int) and step < len(node):
        return node[step]
    return _NOWHERE


def _word(kind: str, english: str, context: _Context) -> Message:
    own = getattr(context.get("error"), "args", None)
    if own and isinstance(own[0], Message):
        return own[0]
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _WITH_CONTEXT:
        return _WITH_CONTEXT[kind](context)
    return msg("is not accepted: {reason}", reason=english.removeprefix("Value error, "))


def _list(expected: object) -> list[str]:
    """`"'a' or 'b'"` as a list: the word between them is English."""
    text = str(expected)
    quoted = [single or double for single, double in _QUOTED.findall(text)]
    return quoted or re.split(r", | or ", text)


_NOWHERE = object()
_NAMES_A_FIELD = frozenset({"missing", "extra_forbidden"})
_MADE_UP = re.compile(r"(?:\w[\w-]*)?\[.*\]", re.DOTALL)
_QUOTED = re.compile(r"""'([^']*)'|"([^"]*)\"""")

_STRING = msg("must be a string")
_INTEGER = msg("must be a whole number")
_NUMBER = msg("must be a number")
_DECIMAL = msg("must be a decimal number")
_BOOLEAN = msg("must be true or false")
_LIST = msg("must be a list")
_OBJECT = msg("must be an object")
_INSTANT = msg("must be a date and time with its zone, such as 2026-11-22T10:00:00Z")
_DATE = msg("must be a date, such as 2026-11-22")
_TIME = msg("must be a time of day, such as 09:30")
_DURATION = msg("must be a length of time")
_UUID = msg("must be a UUID")
_EMPTY = msg("must not be empty")
_URL = msg("must be a URL, such as https://host/path")

_PLAIN: Mapping[str, Message] = {
    "missing": msg("is required"),
    "extra_forbidden": msg("is not a known field"),
    "none_required": msg("must be null"),
    "string_type": _STRING,
    "string_unicode": _STRING,
    "int_type": _INTEGER,
    "int_parsing": _INTEGER,
    "int_parsing_size": _INTEGER,
    "int_from_float": _INTEGER,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "decimal_type": _DECIMAL,
    "decimal_parsing": _DECIMAL,
    "bool_type": _BOOLEAN,
    "bool_parsing": _BOOLEAN,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "set_type": _LIST,
    "frozen_set_type": _LIST,
    "iterable_type": _LIST,
    "dict_type": _OBJECT,
    "mapping_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "datetime_type": _INSTANT,
    "datetime_parsing": _INSTANT,
    "datetime_object_invalid": _INSTANT,
    "datetime_from_date_parsing": _INSTANT,
    "timezone_aware": _INSTANT,
    "timezone_offset": _INSTANT,
    "datetime_past": msg("must lie in the past"),
    "datetime_future": msg("must lie in the future"),
    "date_type": _DATE,
    "date_parsing": _DATE,
    "date_from_datetime_parsing": _DATE,
    "date_from_datetime_inexact": _DATE,
    "date_past": msg("must lie in the past"),
    "date_future": msg("must lie in the future"),
    "time_type": _TIME,
    "time_parsing": _TIME,
    "time_delta_type": _DURATION,
    "time_delta_parsing": _DURATION,
    "uuid_type": _UUID,
    "uuid_parsing": _UUID,
    "uuid_version": _UUID,
    "url_type": _URL,
    "url_parsing": _URL,
    "url_syntax_violation": _URL,
    "json_type": msg("must be JSON in a string"),
    "json_invalid": msg("is not readable JSON"),
}

_WITH_CONTEXT: Mapping[str, Callable[[_Context], Message]] = {
    "string_too_short": lambda ctx: (
        _EMPTY if ctx["min_length"] == 1 else msg("must have at least {limit} characters", limit=ctx["min_length"])
    ),
    "string_too_long": lambda ctx: msg("must have at most {limit} characters", limit=ctx["max_length"]),
    "string_pattern_mismatch": lambda ctx: msg("must match the pattern {pattern}", pattern=ctx["pattern"]),
    "too_short": lambda ctx: (
        _EMPTY if ctx["min_length"] == 1 else msg("must have at least {limit} entries", limit=ctx["min_length"])
    ),
    "too_long": lambda ctx: msg("must have at most {limit} entries", limit=ctx["max_length"]),
    "greater_than": lambda ctx: msg("must be greater than {limit}", limit=ctx["gt"]),
    "greater_than_equal": lambda ctx: msg("must be {limit} or more", limit=ctx["ge"]),
    "less_than": lambda ctx: msg("must be less than {limit}", limit=ctx["lt"]),
    "less_than_equal": lambda ctx: msg("must be {limit} or less", limit=ctx["le"]),
    "multiple_of": lambda ctx: msg("must be a multiple of {step}", step=ctx["multiple_of"]),
    "decimal_max_digits": lambda ctx: msg("must have at most {limit} digits", limit=ctx["max_digits"]),
    "decimal_max_places": lambda ctx: msg("must have at most {limit} decimal places", limit=ctx["decimal_places"]),
    "literal_error": lambda ctx: msg("must be one of: {expected}", expected=_list(ctx["expected"])),
    "enum": lambda ctx: msg("must be one of: {expected}", expected=_list(ctx["expected"])),
    "union_tag_invalid": lambda ctx: msg("must be one of: {expected}", expected=_list(ctx["expected_tags"])),
    "union_tag_not_found": lambda _: msg("is required"),
    "url_scheme": lambda ctx: msg("must start with one of: {expected}", expected=_list(ctx["expected_schemes"])),
    "url_too_long": lambda ctx: msg("must have at most {limit} characters", limit=ctx["max_length"]),
}
