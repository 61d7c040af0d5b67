"""Queues, cases, assignments and notes."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class Queue(Tenanted):
    """A pile of cases of the agency; its code is what rules and moderators name."""

    __tablename__ = "queues"

    code: Mapped[str]
    name: Mapped[str]
    lease_s: Mapped[int] = mapped_column(default=600)
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        UniqueConstraint("agency_id", "code"),
        CheckConstraint("lease_s BETWEEN 1 AND 3600", name="lease_s"),
    )


class CaseState(StrEnum):
    """`ready` ⇄ `leased` → `decided`; an expired lease is as good as ready for the next who asks."""

    READY = "ready"
    LEASED = "leased"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"


class Case(Tenanted):
    """A question to a moderator about one item."""

    __tablename__ = "cases"

    client_id: Mapped[UUID]
    source_id: Mapped[UUID]
    item_id: Mapped[UUID]
    item_revision: Mapped[int]
    queue_id: Mapped[UUID]
    priority: Mapped[str]
    reason: Mapped[str]
    """`rule`, `no_rule_set`, `screening_failed` or `screening_overdue`."""
    why: Mapped[list[JsonObject]]
    """`[{"rule", "spans": [[start, end]]}]`"""
    rule_set_version: Mapped[int | None]
    state: Mapped[str] = mapped_column(default=CaseState.READY)
    due_at: Mapped[datetime]
    opened_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    closed_at: Mapped[datetime | None]

    fence: Mapped[int] = mapped_column(BigInteger, default=0)
    """Grows with every claim; a write that names an older one is refused."""
    holder_id: Mapped[UUID | None]
    assignment_id: Mapped[UUID | None]
    lease_expires_at: Mapped[datetime | None]
    """Not indexed on purpose: heartbeats stay heap-only updates."""
    evaluation_id: Mapped[UUID | None]
    """What the rules saw and answered when they asked for a person."""

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        reference("queue_id", "queues"),
        reference("holder_id", "members"),
        CheckConstraint("state IN ('ready', 'leased', 'decided', 'withdrawn')", name="state"),
        CheckConstraint("priority IN ('low', 'normal', 'high', 'urgent')", name="priority"),
        CheckConstraint("(state = 'leased') = (holder_id IS NOT NULL)", name="held"),
        Index(
            "ix_cases_ready", "agency_id", "client_id", "queue_id", "due_at", "id", postgresql_where="state = 'ready'"
        ),
        Index("ix_cases_held", "agency_id", "holder_id", postgresql_where="state = 'leased'"),
        Index(
            "uq_cases_open_item", "agency_id", "item_id",
            unique=True, postgresql_where="state IN ('ready', 'leased')",
        ),
        {"postgresql_with": {"fillfactor": "70"}},
    )  # fmt: skip


class Assignment(Tenanted):
    """One claim of one case by one moderator, and how it ended."""

    __tablename__ = "assignments"

    case_id: Mapped[UUID]
    client_id: Mapped[UUID]
    member_id: Mapped[UUID]
    fence: Mapped[int] = mapped_column(BigInteger)
    claimed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    ended_at: Mapped[datetime | None]
    outcome: Mapped[str | None]
    decision_id: Mapped[UUID | None]
    request_digest: Mapped[bytes | None]
    """Of the decision that was asked for: the same request again gets the same answer."""

    __table_args__ = (
        reference("case_id", "cases"),
        reference("client_id", "clients"),
        reference("member_id", "members"),
        UniqueConstraint("agency_id", "case_id", "fence"),
        CheckConstraint("outcome IN ('decided', 'released', 'expired', 'withdrawn')", name="outcome"),
    )


class Note(Tenanted):
    """A moderator's note, pinned to a case or to an author; never leaves the agency."""

    __tablename__ = "notes"

    client_id: Mapped[UUID]
    case_id: Mapped[UUID]
    author_external_id: Mapped[str | None]
    member_id: Mapped[UUID]
    text: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("case_id", "cases"),
        reference("member_id", "members"),
        Index(None, "agency_id", "case_id"),
        Index(None, "agency_id", "client_id", "author_external_id"),
    )
