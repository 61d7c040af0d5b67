"""Common ground of all tables: names of constraints, agency-first keys, column types."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, ForeignKeyConstraint, Integer, MetaData, SmallInteger, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from veilleur.kernel.ids import new_id

JsonObject = dict[str, Any]


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012
        str: Text(),
        datetime: DateTime(timezone=True),
        JsonObject: JSONB(),
        list[JsonObject]: JSONB(),
        list[str]: ARRAY(Text()),
        int: Integer(),
    }


class Tenanted(Base):
    """A row of one agency: `(agency_id, id)` is its key, so the schema can be distributed by agency."""

    __abstract__ = True

    agency_id: Mapped[UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-1)


Small = SmallInteger()


def reference(column: str, table: str, **options: Any) -> ForeignKeyConstraint:
    """A foreign key that can't leave the agency: `(agency_id, column)` → `table(agency_id, id)`."""
    return ForeignKeyConstraint(["agency_id", column], [f"{table}.agency_id", f"{table}.id"], **options)
