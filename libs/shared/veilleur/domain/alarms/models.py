"""Alarms: one open row for one trouble, however often it is noticed."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class Alarm(Tenanted):
    """Open until `closed_at`; `kind` and `subject` (a rule, a source, a queue, an endpoint) say what it is about."""

    __tablename__ = "alarms"

    client_id: Mapped[UUID | None]
    kind: Mapped[str]
    subject: Mapped[str]
    figures: Mapped[JsonObject]
    """The latest numbers; never content."""
    times: Mapped[int] = mapped_column(default=1)
    """How often it was noticed while open."""
    opened_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    noticed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    closed_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        CheckConstraint("times >= 1", name="times"),
        Index(
            "uq_alarms_open", "agency_id", "kind", "client_id", "subject",
            unique=True, postgresql_nulls_not_distinct=True, postgresql_where="closed_at IS NULL",
        ),
    )  # fmt: skip
