"""`column = ANY(array)`: one parameter and one statement, however many values there are.

`IN` takes a parameter a value: each count of values is a statement of its own, to be compiled, prepared and planned.
"""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, literal
from sqlalchemy.orm import InstrumentedAttribute


def is_among(column: InstrumentedAttribute[UUID], ids: Collection[UUID]) -> ColumnElement[bool]:
    """Whether the column is one of these; of none, it never is."""
    return column == any_(literal(list(ids), ARRAY(Uuid())))
