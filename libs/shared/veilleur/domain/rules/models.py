"""Rule sets of a client: immutable, numbered versions."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class RuleSetVersion(Tenanted):
    """`draft` → `published` → `retired`; a client has at most one published version."""

    __tablename__ = "rule_sets"

    client_id: Mapped[UUID]
    version: Mapped[int]
    digest: Mapped[str]
    document: Mapped[JsonObject]
    note: Mapped[str]
    state: Mapped[str] = mapped_column(default="draft")
    author: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    published_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "version"),
        CheckConstraint("state IN ('draft', 'published', 'retired')", name="state"),
        Index(
            "uq_rule_sets_published", "agency_id", "client_id",
            unique=True, postgresql_where="state = 'published'",
        ),
    )  # fmt: skip
