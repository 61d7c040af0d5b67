"""What was agreed: versions of rate plans, the contracts that bind clients to them, and the periods of the bills."""

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import DDL, CheckConstraint, Index, UniqueConstraint, event, func, text
from sqlalchemy.dialects.postgresql import ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Small, Tenanted, reference

PeriodState = Literal["open", "closed", "void"]
"""`void`: the contract ended before it began."""

# A range over UUIDs lets a GiST index compare them: the extension that does so otherwise is not in every PostgreSQL.
UUID_RANGE = "CREATE TYPE uuid_range AS RANGE (subtype = uuid)"
event.listen(Base.metadata, "before_create", DDL(UUID_RANGE))  # type: ignore[no-untyped-call]


class RatePlanVersion(Tenanted):
    """One immutable version of a rate plan, as the owner wrote it."""

    __tablename__ = "rate_plan_versions"

    code: Mapped[str]
    version: Mapped[int]
    document: Mapped[JsonObject]
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("created_by", "members"),
        UniqueConstraint("agency_id", "code", "version"),
        CheckConstraint("version > 0", name="version"),
    )


def _no_overlap(table: str, owner: str) -> ExcludeConstraint:
    """No two rows of one owner share a day."""

    def same(column: str) -> tuple[Any, str]:
        return (text(f"uuid_range({column}, {column}, '[]')"), "=")

    days = (text("daterange(starts_on, ends_on)"), "&&")
    return ExcludeConstraint(same("agency_id"), same(owner), days, name=f"ex_{table}_no_overlap", using="gist")


class Contract(Tenanted):
    """A client, a version of a rate plan, its days (`ends_on` is the first one after; none: until it is ended)."""

    __tablename__ = "contracts"

    client_id: Mapped[UUID]
    rate_plan_id: Mapped[UUID]
    plan: Mapped[JsonObject]
    """The plan's document as it was signed: whoever may see the contract can price by it."""
    starts_on: Mapped[date]
    ends_on: Mapped[date | None]
    anchor_day: Mapped[int | None] = mapped_column(Small)
    time_zone: Mapped[str]
    """The client's zone when it was signed: another zone is another contract."""
    buyer: Mapped[JsonObject]
    tax: Mapped[JsonObject]
    """`{"category", "rate", "reduced_rate"?, "reason"?}`, rates as text."""
    payment_days: Mapped[int]
    purchase_order: Mapped[str | None]
    report_day: Mapped[int | None] = mapped_column(Small)
    """The day of the following month by which the report is promised."""
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    ended_by: Mapped[UUID | None]
    end_reason: Mapped[str | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("rate_plan_id", "rate_plan_versions"),
        reference("created_by", "members"),
        reference("ended_by", "members"),
        CheckConstraint("ends_on > starts_on", name="days"),
        CheckConstraint("anchor_day BETWEEN 1 AND 31", name="anchor_day"),
        CheckConstraint("report_day BETWEEN 1 AND 31", name="report_day"),
        CheckConstraint("payment_days BETWEEN 0 AND 365", name="payment_days"),
        _no_overlap("contracts", "client_id"),
    )


class BillingPeriod(Tenanted):
    """Days billed at once: half-open, in the contract's zone. Made when somebody first asks for them."""

    __tablename__ = "billing_periods"

    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    starts_on: Mapped[date]
    ends_on: Mapped[date]
    state: Mapped[str] = mapped_column(server_default="open")
    closed_at: Mapped[datetime | None]
    closed_by: Mapped[UUID | None]
    digest: Mapped[str | None]
    """SHA-256 of what was counted when it was closed."""
    records: Mapped[int | None]
    close_number: Mapped[int | None]
    """In which order the client's periods were closed."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("contract_id", "contracts"),
        reference("closed_by", "members"),
        CheckConstraint("ends_on > starts_on", name="days"),
        CheckConstraint("state IN ('open', 'closed', 'void')", name="state"),
        CheckConstraint(
            "(state = 'closed') = (closed_at IS NOT NULL AND digest IS NOT NULL AND records IS NOT NULL"
            " AND close_number IS NOT NULL)",
            name="closed",
        ),
        _no_overlap("billing_periods", "contract_id"),
        Index("ix_billing_periods_closed", "agency_id", "client_id", "starts_on",
              postgresql_where="state = 'closed'"),
    )  # fmt: skip
