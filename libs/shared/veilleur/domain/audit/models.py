"""One row a deed, its place in the sealed order, and the seals. UPDATE, DELETE and TRUNCATE are refused."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Tenanted


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


class AuditPlace(Base):
    """Where an entry stands in the order that was sealed, and what it said then, as a hash."""

    __tablename__ = "audit_places"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    entry_id: Mapped[UUID]
    leaf: Mapped[bytes]

    __table_args__ = (
        ForeignKeyConstraint(["agency_id", "entry_id"], ["audit_entries.agency_id", "audit_entries.id"]),
        UniqueConstraint("agency_id", "entry_id"),
    )


class AuditSeal(Base):
    """The Merkle root of a run of places, chained to the root before it and signed: see `merkle`."""

    __tablename__ = "audit_seals"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    first_place: Mapped[int] = mapped_column(BigInteger)
    last_place: Mapped[int] = mapped_column(BigInteger)
    root: Mapped[bytes]
    previous: Mapped[bytes | None]
    sealed_at: Mapped[datetime]
    kid: Mapped[str]
    signature: Mapped[str]
    """A compact JWS (RFC 7515) over all of the above."""
