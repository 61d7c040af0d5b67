"""How sources are acted on, and every action on its way to a platform."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Small, Tenanted, reference


class SourceActor(Base):
    """Whether and how decisions about a source's items are carried out on its platform; the credentials sealed."""

    __tablename__ = "source_actors"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    source_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID]
    mode: Mapped[str]
    """`callback`: only the client is told; `act`: at once; `act_after_hold`: after `hold_s`, unless it is cancelled."""
    hold_s: Mapped[int] = mapped_column(default=0)
    platform: Mapped[str | None]
    operations: Mapped[JsonObject] = mapped_column(default=dict)
    settings: Mapped[JsonObject] = mapped_column(default=dict)
    """What of the credentials may be shown."""
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    busy_until: Mapped[datetime | None]
    """The lease of whoever acts there now: one at a time, so that order is kept and tokens are renewed once."""
    quiet_until: Mapped[datetime | None]
    """The platform asked to be left alone."""
    last_error: Mapped[str | None]
    last_failed_at: Mapped[datetime | None]
    last_done_at: Mapped[datetime | None]
    configured_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        ForeignKeyConstraint(["agency_id", "source_id"], ["sources.agency_id", "sources.id"]),
        reference("client_id", "clients"),
        CheckConstraint("mode IN ('callback', 'act', 'act_after_hold')", name="mode"),
        CheckConstraint("hold_s BETWEEN 0 AND 86400", name="hold_s"),
        CheckConstraint("mode = 'callback' OR (platform IS NOT NULL AND sealed IS NOT NULL)", name="able"),
    )


class ActionState(StrEnum):
    """`pending` ⇄ `sending` → `done`, `refused` (a reason, never tried again), `dead` (given up) or `cancelled`."""

    PENDING = "pending"
    SENDING = "sending"
    DONE = "done"
    REFUSED = "refused"
    DEAD = "dead"
    CANCELLED = "cancelled"


class PlatformAction(Tenanted):
    """One operation on a platform that follows from a decision, or takes one back."""

    __tablename__ = "platform_actions"

    client_id: Mapped[UUID]
    source_id: Mapped[UUID]
    item_id: Mapped[UUID]
    decision_id: Mapped[UUID]
    platform: Mapped[str]
    target: Mapped[str]
    code: Mapped[str | None]
    """The catalogue's action; none when it follows from the verdict."""
    operation: Mapped[str | None]
    until: Mapped[datetime | None]
    undoes: Mapped[UUID | None]
    """The action that this one takes back or ends."""
    carried_by: Mapped[UUID | None]
    """The later decision for which it goes on standing, when the one that ordered it was taken back."""
    position: Mapped[int] = mapped_column(Small)
    """Its place among those that were ordered in the same instant."""
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(default=0)
    fence: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None]
    """When to do it (pending) or when the lease ends (sending); none once it is over."""
    begun_at: Mapped[datetime | None]
    """When it was tried first: it is given up three days later."""
    withdrawn: Mapped[bool] = mapped_column(default=False)
    """It was taken back while it was being done: if that fails it is not tried again."""
    reason: Mapped[str | None]
    last_status: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("source_id", "sources"),
        reference("item_id", "items"),
        reference("decision_id", "decisions"),
        reference("undoes", "platform_actions"),
        reference("carried_by", "decisions"),
        CheckConstraint("target IN ('item', 'author')", name="target"),
        CheckConstraint("state IN ('pending', 'sending', 'done', 'refused', 'dead', 'cancelled')", name="state"),
        CheckConstraint("(due_at IS NOT NULL) = (state IN ('pending', 'sending'))", name="due"),
        CheckConstraint("operation IS NOT NULL OR state = 'refused'", name="operation"),
        Index("ix_platform_actions_due", "agency_id", "source_id", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index(None, "agency_id", "item_id"),
        Index(None, "agency_id", "decision_id"),
    )
