"""Sealed copies of the images that cases are about."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Small, Tenanted, reference


class SnapshotState(StrEnum):
    """`pending` until it was fetched (`ready`), or until there is no hope left (`failed`, for a reason)."""

    PENDING = "pending"
    READY = "ready"
    FAILED = "failed"


class MediaSnapshot(Tenanted):
    """What a medium showed when its case was opened; its id follows from the item and the address."""

    __tablename__ = "media_snapshots"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    url: Mapped[str]
    state: Mapped[str]
    reason: Mapped[str | None]
    """Why there is none: a word of the fetch (`timeout`, `status`), or of the reading (`not_an_image`, `too_large`)."""
    attempts: Mapped[int] = mapped_column(Small, default=0)
    due_at: Mapped[datetime | None]
    """When it is to be fetched; while somebody fetches, when their lease ends."""
    full_view: Mapped[bytes | None] = mapped_column(deferred=True)
    """Sealed."""
    blurred_view: Mapped[bytes | None] = mapped_column(deferred=True)
    """Sealed."""
    fetched_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        CheckConstraint("state IN ('pending', 'ready', 'failed')", name="state"),
        CheckConstraint("(state = 'ready') = (full_view IS NOT NULL AND blurred_view IS NOT NULL)", name="views"),
        CheckConstraint("(state = 'pending') = (due_at IS NOT NULL)", name="due"),
        Index("ix_media_snapshots_due", "agency_id", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index(None, "agency_id", "item_id"),
    )
