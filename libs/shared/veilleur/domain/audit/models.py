"""One row a deed. UPDATE, DELETE and TRUNCATE are refused by the database."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import Index, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted


class AuditEntry(Tenanted):
    __tablename__ = "audit_entries"

    at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    actor: Mapped[str]
    """`mem_…`, `key_…`, `rules`, `operator` or `system`."""
    action: Mapped[str]
    """`noun.verbed`, such as `decision.made`."""
    subject: Mapped[str]
    """The shown id of what it was done to."""
    client_id: Mapped[UUID | None]
    details: Mapped[JsonObject] = mapped_column(default=dict)
    """Ids and codes only; never content."""

    __table_args__ = (Index(None, "agency_id", "subject"), Index(None, "agency_id", "at"))
