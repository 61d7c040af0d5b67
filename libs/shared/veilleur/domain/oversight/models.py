"""What the watch keeps: when it last looked, and what every source sent in every hour."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKeyConstraint
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, reference


class Watch(Base):
    """How far an agency has been watched."""

    __tablename__ = "watches"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    looked_at: Mapped[datetime]
    counted_to: Mapped[datetime | None]
    """Items received before are in `SourceHour`."""

    __table_args__ = (ForeignKeyConstraint(["agency_id"], ["agencies.agency_id"]),)


class SourceHour(Base):
    """What one source sent in one whole hour of UTC; an hour without items has no row."""

    __tablename__ = "source_hours"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True)
    items: Mapped[int]
    last_at: Mapped[datetime]

    __table_args__ = (reference("source_id", "sources"),)
