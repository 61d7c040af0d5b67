"""Plain JSONPath (RFC 9535): names and indexes, and wildcards where they are asked for.

What can cost more than one walk down the document (filters, descent) is refused. The library is loaded with the first
path: few sources need it, and it would be a fortieth of a worker's start.
"""
# ruff: noqa: PLC0415

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, cast

from veilleur.kernel.messages import msg
from veilleur.kernel.strict_json import Json


def check_path(path: str, *, wildcards: bool) -> str:
    """The path as it is; raises `ValueError` for what is not a plain one."""
    import jsonpath
    from jsonpath.segments import JSONPathChildSegment
    from jsonpath.selectors import IndexSelector, NameSelector, WildcardSelector

    steps = (NameSelector, IndexSelector, WildcardSelector) if wildcards else (NameSelector, IndexSelector)
    try:
        compiled = jsonpath.compile(path)
    except jsonpath.JSONPathError as error:
        raise ValueError(msg("is no JSONPath: {reason}", reason=str(error).partition("\n")[0])) from None
    plain = isinstance(compiled, jsonpath.JSONPath) and all(
        isinstance(segment, JSONPathChildSegment) and all(isinstance(step, steps) for step in segment.selectors)
        for segment in compiled.segments
    )
    if not path.startswith("$") or not plain:
        raise ValueError(msg("must be a plain path, such as {example}", example="$.comment.body"))
    return path


def follow_path(path: str, value: Json) -> list[Json]:
    """Nothing in what has no parts: a text would be taken for JSON and read once more."""
    return _make_finder(path)(value) if isinstance(value, Mapping | list) else []


@lru_cache(maxsize=4_096)
def _make_finder(path: str) -> Callable[[Any], list[Json]]:
    import jsonpath

    return cast("Callable[[Any], list[Json]]", jsonpath.compile(path).findall)
