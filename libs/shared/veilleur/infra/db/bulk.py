"""Many rows of one table in one statement: `INSERT … SELECT … FROM unnest(…)`, one array a column.

An executemany binds and runs the statement once a row.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from sqlalchemy import ARRAY, JSON, Column, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession

from veilleur.infra.db.base import Base

_NAMES = postgresql.dialect()  # type: ignore[no-untyped-call]


async def insert_rows(
    session: AsyncSession,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    shared: Mapping[str, Any] | None = None,
    skip_known: bool = False,
) -> None:
    """Insert `rows` (column names to values, all with the same names) in their order.

    `shared` holds the values that all rows have in common: they are sent once. Names that neither gives get the
    model's default, the database's otherwise. None is NULL, in JSON columns too. `skip_known` leaves out rows that
    a unique constraint refuses.
    """
    if not rows:
        return
    common = shared or {}
    names = tuple(rows[0])
    statement = _build(model, names, tuple(common), skip_known)
    made = {column.name: [_make(column) for _ in rows] for column in statement.made}
    arrays = [
        _encode(column, made.get(column.name) or [row[column.name] for row in rows]) for column in statement.varying
    ]
    scalars = [_encode(column, [common.get(column.name, _default(column))])[0] for column in statement.constant]
    connection = await session.connection()
    await connection.exec_driver_sql(statement.sql, (*arrays, *scalars))


@dataclass(frozen=True, slots=True)
class _Statement:
    sql: str
    varying: tuple[Column[Any], ...]
    constant: tuple[Column[Any], ...]
    made: tuple[Column[Any], ...]
    """Of the varying ones, those whose default is made anew for each row."""


@lru_cache(maxsize=500)
def _build(model: type[Base], given: tuple[str, ...], shared: tuple[str, ...], skip_known: bool) -> _Statement:  # noqa: FBT001 - a key of the cache
    columns = cast("Table", model.__table__).columns
    absent = [column for column in columns if column.name not in {*given, *shared} and column.default is not None]
    made = tuple(column for column in absent if _is_made(column))
    varying = (*(columns[name] for name in given), *made)
    constant = (*(columns[name] for name in shared), *(column for column in absent if column not in made))
    names = ", ".join(column.name for column in (*varying, *constant))
    values = [_read(column, f"t.{column.name}") for column in varying]
    values += [
        _read(column, f"${place}::{_wire(column)}") for place, column in enumerate(constant, start=len(varying) + 1)
    ]
    arrays = ", ".join(f"${place}::{_wire(column)}[]" for place, column in enumerate(varying, start=1))
    aliases = ", ".join(column.name for column in varying)
    sql = (
        f"INSERT INTO {model.__tablename__} ({names}) SELECT {', '.join(values)} FROM unnest({arrays}) AS t({aliases})"
        + (" ON CONFLICT DO NOTHING" if skip_known else "")
    )
    return _Statement(sql, varying, constant, made)


def _wire(column: Column[Any]) -> str:
    """The type a value travels as: documents and arrays as text, since arrays of arrays can't be ragged."""
    return "text" if _is_document(column) or _is_array(column) else str(column.type.compile(_NAMES))


def _read(column: Column[Any], value: str) -> str:
    return f"{value}::{column.type.compile(_NAMES)}" if _wire(column) == "text" else value


def _encode(column: Column[Any], values: list[Any]) -> list[Any]:
    if _is_document(column):
        return [None if value is None else json.dumps(value, ensure_ascii=False) for value in values]
    if _is_array(column):
        return [None if value is None else _write_array(value) for value in values]
    return values


def _write_array(texts: Sequence[str]) -> str:
    """An array literal: every element quoted, quotes and backslashes escaped."""
    quoted = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return "{" + ",".join(f'"{text}"' for text in quoted) + "}"


def _is_document(column: Column[Any]) -> bool:
    return isinstance(column.type, JSON)


def _is_array(column: Column[Any]) -> bool:
    return isinstance(column.type, ARRAY)


def _is_made(column: Column[Any]) -> bool:
    return column.default is not None and column.default.is_callable


def _make(column: Column[Any]) -> Any:
    """SQLAlchemy hands a default its context; ours look at none."""
    return column.default.arg(None)  # type: ignore[union-attr]


def _default(column: Column[Any]) -> Any:
    return column.default.arg if column.default is not None else None  # type: ignore[attr-defined]
