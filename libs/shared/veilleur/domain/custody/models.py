"""What a client's data policy says, what is being erased, who is leaving."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Tenanted, reference


class DataPolicy(Base):
    """How long what is a client's is kept; without a row the defaults hold. Who sees content stands with providers."""

    __tablename__ = "data_policies"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    retention_days: Mapped[JsonObject]
    """`{kind: days}`; a kind that is left out has its default. See `terms`. `events` stands with the client."""
    changed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    changed_by: Mapped[str]

    __table_args__ = (reference("client_id", "clients"),)


class Erasure(Tenanted):
    """Everything of one author of a client, or of a client, is to go; and what came of that.

    `running` → `finished`, or → `held` while a legal hold keeps something → `running` when one is lifted.
    """

    __tablename__ = "erasures"

    client_id: Mapped[UUID]
    kind: Mapped[str]
    state: Mapped[str] = mapped_column(default="running")
    source_id: Mapped[UUID | None]
    subject_hash: Mapped[bytes]
    """A keyed hash of whom it is about: to know the same request again."""
    subject: Mapped[bytes | None]
    """Sealed; gone when nothing is left to do."""
    requested_by: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    held_at: Mapped[datetime | None]
    """When it was last seen what a hold keeps of it."""
    finished_at: Mapped[datetime | None]
    cursor: Mapped[UUID | None]
    """The last item of others that was looked through for traces."""
    counts: Mapped[JsonObject] = mapped_column(default=dict)
    """`{kind: how many were erased}`."""
    kept: Mapped[JsonObject] = mapped_column(default=dict)
    """`{kind: how many a legal hold keeps}`."""

    __table_args__ = (
        reference("client_id", "clients"),
        CheckConstraint("kind IN ('author', 'client')", name="kind"),
        CheckConstraint("state IN ('running', 'held', 'finished')", name="state"),
        CheckConstraint("(state = 'finished') = (finished_at IS NOT NULL)", name="finished"),
        Index(
            "uq_erasures_open", "agency_id", "client_id", "subject_hash",
            unique=True, postgresql_where="state <> 'finished'",
        ),
    )  # fmt: skip


class Offboarding(Tenanted):
    """A client leaves: `scheduled` → `closing` → `waiting` (for the term) → `erasing` → `finished`.

    `cancelled` up to the end of the term. See `offboard`.
    """

    __tablename__ = "offboardings"

    client_id: Mapped[UUID]
    mode: Mapped[str]
    """What becomes of open cases: moderators `finish` them, or they are `return`ed undecided."""
    state: Mapped[str] = mapped_column(default="scheduled")
    starts_at: Mapped[datetime]
    term_days: Mapped[int]
    erase_at: Mapped[datetime | None]
    source_modes: Mapped[JsonObject] = mapped_column(default=dict)
    """What the sources were before they were closed."""
    progress: Mapped[JsonObject] = mapped_column(default=dict)
    bill: Mapped[JsonObject | None]
    """`settle_bill.Bill`: once the contract has ended, what is billed last, and what stood in its way."""
    erasure_id: Mapped[UUID | None]
    requested_by: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        CheckConstraint("mode IN ('finish', 'return')", name="mode"),
        CheckConstraint(
            "state IN ('scheduled', 'closing', 'waiting', 'erasing', 'finished', 'cancelled')", name="state"
        ),
        CheckConstraint("term_days BETWEEN 0 AND 3650", name="term_days"),
        Index(
            "uq_offboardings_open", "agency_id", "client_id", unique=True, postgresql_where="ended_at IS NULL"
        ),
    )  # fmt: skip


class Departure(Base):
    """An agency that left: the receipt of its erasure outlives it, and names nobody."""

    __tablename__ = "departures"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    documents: Mapped[str]
    """What becomes of usage and invoices: `keep` them as law demands, or erase what was `handed_over`."""
    reason: Mapped[str]
    state: Mapped[str] = mapped_column(default="running")
    counts: Mapped[JsonObject] = mapped_column(default=dict)
    kept: Mapped[JsonObject] = mapped_column(default=dict)
    requested_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("documents IN ('keep', 'handed_over')", name="documents"),
        CheckConstraint("state IN ('running', 'finished')", name="state"),
    )
