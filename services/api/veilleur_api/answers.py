"""JSON answers: UTF-8 as it is, instants as RFC 3339 with `Z`, decimals as strings."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from starlette.responses import Response

from veilleur.kernel.clock import to_rfc3339


class JsonAnswer(Response):
    media_type = "application/json"

    def __init__(
        self,
        content: Any,
        status_code: int = 200,
        headers: Mapping[str, str] | None = None,
        media_type: str | None = None,
    ) -> None:
        super().__init__(content, status_code, headers, media_type)

    def render(self, content: Any) -> bytes:
        return show_json(content).encode()


def show_json(value: object) -> str:
    """Compact JSON text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=_to_json)


def show_decimal(value: Decimal) -> str:
    """`300`, `12.5`: no exponent, no trailing zeros."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _to_json(value: object) -> object:
    if isinstance(value, datetime):
        return to_rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return show_decimal(value)
    if isinstance(value, UUID):
        return str(value)
    message = f"{type(value).__name__} has no JSON form"
    raise TypeError(message)
