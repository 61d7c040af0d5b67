"""What is kept of looking after a period: reconciliations, and thresholds with what they said."""

from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class Reconciliation(Tenanted):
    """Facts held against records, meter by meter; `findings` names the rows that differ, the first of them.

    Nobody made it: a night did.
    """

    __tablename__ = "reconciliations"

    client_id: Mapped[UUID]
    period_id: Mapped[UUID | None]
    """None: days on which no contract held."""
    starts_on: Mapped[date | None]
    ends_on: Mapped[date | None]
    """The days that were looked at, half-open."""
    made_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    made_by: Mapped[UUID | None]
    meters: Mapped[list[JsonObject]]
    findings: Mapped[list[JsonObject]]
    differences: Mapped[int]
    digest: Mapped[str]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("period_id", "billing_periods"),
        reference("made_by", "members"),
        Index("ix_reconciliations_agency_id_period_id", "agency_id", "period_id", "id"),
    )


class UsageThreshold(Tenanted):
    """What to be told of, once a period: a quantity of a meter, an amount, a share of what is included, a budget."""

    __tablename__ = "usage_thresholds"

    client_id: Mapped[UUID]
    kind: Mapped[str]
    meter: Mapped[str | None]
    value: Mapped[Decimal] = mapped_column(Numeric(20, 4))
    created_by: Mapped[UUID]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    removed_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("created_by", "members"),
        CheckConstraint("kind IN ('quantity', 'amount', 'included', 'budget')", name="kind"),
        CheckConstraint("(kind IN ('quantity', 'included')) = (meter IS NOT NULL)", name="meter"),
        CheckConstraint("value > 0", name="value"),
        Index("ix_usage_thresholds_watched", "agency_id", "client_id", "id", postgresql_where="removed_at IS NULL"),
    )


class UsageAlert(Tenanted):
    """A threshold was reached in a period, and whoever wants to know was told."""

    __tablename__ = "usage_alerts"

    client_id: Mapped[UUID]
    threshold_id: Mapped[UUID]
    period_id: Mapped[UUID]
    reached: Mapped[Decimal] = mapped_column(Numeric(20, 4))
    made_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("threshold_id", "usage_thresholds"),
        reference("period_id", "billing_periods"),
        UniqueConstraint("agency_id", "threshold_id", "period_id"),
    )
