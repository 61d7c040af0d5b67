"""One row a fact, append-only; never an amount of money. Sums are kept beside, by the database itself."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, func, text
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Tenanted, reference


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
    """The record this one takes back (its quantity turned round, once at most), or remarks upon (quantity 0)."""
    fact_id: Mapped[UUID | None]
    """What was counted, where that is neither an item received nor a decision: an event of a clock, an entry."""

    __table_args__ = (
        reference("client_id", "clients"),
        Index(None, "agency_id", "client_id", "local_date", "meter"),
        Index("uq_usage_records_once", "agency_id", "item_id", "meter", "decision_id",
              unique=True, postgresql_nulls_not_distinct=True,
              postgresql_where="item_id IS NOT NULL AND corrects_id IS NULL AND fact_id IS NULL"),
        Index("uq_usage_records_fact", "agency_id", "fact_id", "meter", unique=True,
              postgresql_where="fact_id IS NOT NULL AND corrects_id IS NULL"),
        Index("uq_usage_records_taken_back", "agency_id", "corrects_id", unique=True,
              postgresql_where="corrects_id IS NOT NULL AND quantity <> 0"),
    )  # fmt: skip


class UsageSum(Base):
    """A part of a day's usage; the parts of one day, meter and dimensions add up to the records, in every snapshot.

    The trigger that every insert of records fires adds parts in the same transaction; the worker replaces many parts
    by one. Nothing is ever added to a row, so nobody waits for anybody.
    """

    __tablename__ = "usage_sums"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    local_date: Mapped[date] = mapped_column(primary_key=True)
    id: Mapped[UUID] = mapped_column(primary_key=True, server_default=text("gen_random_uuid()"))
    meter: Mapped[str]
    source_id: Mapped[UUID | None]
    billable: Mapped[bool]
    late: Mapped[bool]
    """It came after its period was closed."""
    dims: Mapped[JsonObject]
    quantity: Mapped[Decimal] = mapped_column(Numeric(24, 4))
    records: Mapped[int]
    packed: Mapped[bool]
    """The worker's work; what triggers add is not."""

    __table_args__ = (
        reference("client_id", "clients"),
        Index("ix_usage_sums_unpacked", "agency_id", postgresql_where="NOT packed"),
    )


class LateUsage(Tenanted):
    """A record (of the same id) that came after its period was closed: billed in a later one, as an adjustment."""

    __tablename__ = "late_usage"

    client_id: Mapped[UUID]
    period_id: Mapped[UUID]
    """The closed period it belongs to."""
    billed_in_id: Mapped[UUID | None]
    """The period in which it was billed, once that is closed."""

    __table_args__ = (
        reference("id", "usage_records"),
        reference("client_id", "clients"),
        reference("period_id", "billing_periods"),
        reference("billed_in_id", "billing_periods"),
        Index("ix_late_usage_client_id", "agency_id", "client_id", "billed_in_id", "period_id"),
    )


class UsageEntry(Tenanted):
    """Work done outside that somebody says was done, and a second person approves before it counts."""

    __tablename__ = "usage_entries"

    client_id: Mapped[UUID]
    meter: Mapped[str]
    quantity: Mapped[Decimal] = mapped_column(Numeric(20, 4))
    occurred_at: Mapped[datetime]
    dims: Mapped[JsonObject]
    note: Mapped[str]
    state: Mapped[str] = mapped_column(server_default="pending")
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    decided_by: Mapped[UUID | None]
    decided_at: Mapped[datetime | None]
    reason: Mapped[str | None]
    """Why it was refused, or reversed."""
    reversed_by: Mapped[UUID | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("created_by", "members"),
        reference("decided_by", "members"),
        reference("reversed_by", "members"),
        CheckConstraint("quantity > 0", name="quantity"),
        CheckConstraint("state IN ('pending', 'approved', 'refused', 'reversed')", name="state"),
        CheckConstraint("(state = 'pending') = (decided_by IS NULL)", name="decided"),
        CheckConstraint("decided_by <> created_by", name="second_person"),
        CheckConstraint("(state = 'reversed') = (reversed_by IS NOT NULL)", name="reversed"),
    )
