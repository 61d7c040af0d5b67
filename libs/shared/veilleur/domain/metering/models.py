"""One row a fact, append-only; never an amount of money."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import Index, Numeric
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class UsageRecord(Tenanted):
    __tablename__ = "usage_records"

    client_id: Mapped[UUID]
    source_id: Mapped[UUID | None]
    meter: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(20, 4))
    occurred_at: Mapped[datetime]
    local_date: Mapped[date]
    """The day in the client's zone, frozen: a later change of zone rewrites no bill."""
    time_zone: Mapped[str]
    billable: Mapped[bool] = mapped_column(default=True)
    reason: Mapped[str | None]
    """Why it is not billable, or what is particular about it."""
    dims: Mapped[JsonObject] = mapped_column(default=dict)
    item_id: Mapped[UUID | None]
    decision_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    corrects_id: Mapped[UUID | None]

    __table_args__ = (
        reference("client_id", "clients"),
        Index(None, "agency_id", "client_id", "local_date", "meter"),
        Index("uq_usage_records_once", "agency_id", "item_id", "meter", "decision_id",
              unique=True, postgresql_nulls_not_distinct=True,
              postgresql_where="item_id IS NOT NULL AND corrects_id IS NULL"),
    )  # fmt: skip
