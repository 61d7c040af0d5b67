"""Numbers in billing documents: text on the way in and out, exact decimals between.

A JSON number has been a binary float on its way. Quantities have at most 4 decimals and prices at most 6, so that every
line is quantity times price to the cent (the limits of EN 16931's French rules, BR-FR-DEC-02 and BR-FR-DEC-03).
"""

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from veilleur.kernel.messages import msg

_PRICE = r"^-?[0-9]{1,13}(\.[0-9]{1,6})?$"
_QUANTITY = r"^[0-9]{1,14}(\.[0-9]{1,4})?$"


def _read_price(value: object) -> Decimal:
    return _read(value, _PRICE, 6)


def _read_quantity(value: object) -> Decimal:
    return _read(value, _QUANTITY, 4)


def _read(value: object, pattern: str, decimals: int) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or not re.fullmatch(pattern.strip("^$"), value):
        raise ValueError(
            msg("must be a number written as text with at most {decimals} decimals, such as {example}",
                decimals=decimals, example='"12.5"')
        )  # fmt: skip
    return Decimal(value)


_AS_TEXT = PlainSerializer(str, return_type=str)

Price = Annotated[
    Decimal, BeforeValidator(_read_price), _AS_TEXT, WithJsonSchema({"type": "string", "pattern": _PRICE})
]
"""An amount of money or a percentage; negative where that makes sense."""

Quantity = Annotated[
    Decimal, BeforeValidator(_read_quantity), _AS_TEXT, WithJsonSchema({"type": "string", "pattern": _QUANTITY})
]
"""An amount of anything else, never negative."""

Percent = Annotated[
    Decimal,
    BeforeValidator(_read_price),
    Field(ge=0, le=100),
    _AS_TEXT,
    WithJsonSchema({"type": "string", "pattern": _PRICE}),
]
