"""A value found out when it is first asked for, and kept."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")


class lazy(Generic[Value]):  # noqa: N801 - reads like the decorator it is
    """As `functools.cached_property`, without the lock it takes: for values that may as well be found out twice."""

    def __init__(self, find: Callable[[Any], Value]) -> None:
        self._find = find
        self._name = find.__name__
        self.__doc__ = find.__doc__

    def __get__(self, owner: object, kind: type[object] | None = None) -> Value:
        found = owner.__dict__[self._name] = self._find(owner)
        return found
