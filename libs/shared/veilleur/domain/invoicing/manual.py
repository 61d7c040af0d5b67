"""Lines added by hand, as they are stored with a draft; pure."""

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from veilleur.domain.invoicing.draft import ManualLine

_ADAPTER: TypeAdapter[ManualLine] = TypeAdapter(ManualLine)


def read_manual(stored: Sequence[dict[str, Any]]) -> list[ManualLine]:
    return [_ADAPTER.validate_python(line) for line in stored]


def dump_manual(lines: Sequence[ManualLine]) -> list[dict[str, Any]]:
    return [_ADAPTER.dump_python(line, mode="json") for line in lines]
