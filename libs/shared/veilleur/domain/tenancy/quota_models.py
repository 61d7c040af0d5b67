"""How much clients may send, and what they sent."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.domain.tenancy.models import of_agency
from veilleur.infra.db.base import Tenanted, reference


class Quota(Tenanted):
    """How much may come in: a client's, set by the owner, or without `client_id` the agency's, set by the operator."""

    __tablename__ = "quotas"

    client_id: Mapped[UUID | None]
    items_per_s: Mapped[int | None]
    burst: Mapped[int | None]
    items_per_day: Mapped[int | None] = mapped_column(BigInteger())
    items_per_month: Mapped[int | None] = mapped_column(BigInteger())
    set_by: Mapped[str]
    set_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        of_agency(),
        reference("client_id", "clients"),
        Index("uq_quotas_whose", "agency_id", "client_id", unique=True, postgresql_nulls_not_distinct=True),
        CheckConstraint("items_per_s BETWEEN 1 AND 1000000", name="items_per_s"),
        CheckConstraint("burst BETWEEN 1 AND 10000000", name="burst"),
        CheckConstraint("items_per_day >= 1", name="items_per_day"),
        CheckConstraint("items_per_month >= 1", name="items_per_month"),
    )


class QuotaUse(Tenanted):
    """What a client sent on a day of its time zone, as the API's processes count it: for limits, never for bills."""

    __tablename__ = "quota_use"

    client_id: Mapped[UUID]
    day: Mapped[date]
    items: Mapped[int] = mapped_column(BigInteger())
    beyond: Mapped[int] = mapped_column(BigInteger())
    """Taken beyond a quota, because the platform that sent them can't be told to wait."""

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "day"),
    )
