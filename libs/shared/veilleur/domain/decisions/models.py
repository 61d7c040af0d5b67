"""A verdict on one revision of one item, with all that explains it; and jobs that take many back."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference

Cause = Literal["correction", "client", "rule", "appeal"]
"""Why a decision was reversed: the agency's own error, the client's last word, a bad rule, an appeal."""


class Decision(Tenanted):
    __tablename__ = "decisions"

    client_id: Mapped[UUID]
    source_id: Mapped[UUID]
    item_id: Mapped[UUID]
    item_revision: Mapped[int]
    sequence: Mapped[int]
    case_id: Mapped[UUID | None]
    member_id: Mapped[UUID | None]
    verdict: Mapped[str]
    actions: Mapped[list[JsonObject]]
    policies: Mapped[list[str]]
    automated: Mapped[bool]
    automated_detection: Mapped[bool]
    rule_set_version: Mapped[int | None]
    matched_rules: Mapped[list[str]]
    decided_by: Mapped[str | None]
    """The rule the verdict is of; none for people and for the fallback."""
    explanation: Mapped[str | None]
    """For the client and the author."""
    explanation_erased_at: Mapped[datetime | None]
    """There was one, and it was counted; it went with its author or with time."""
    note: Mapped[str | None]
    """Never leaves the agency."""
    language: Mapped[str]
    made_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    reverses: Mapped[UUID | None]
    """The decision that this one takes back, with the `cause` of it."""
    cause: Mapped[str | None]
    reversed_by: Mapped[UUID | None]
    """None: it stands."""
    author_external_id: Mapped[str | None]
    """The item's author, so that a person's earlier decisions are found on an index."""
    evaluation_id: Mapped[UUID | None]
    """What the rules saw and answered; no foreign key, because it may be kept for a shorter time."""
    leaves_at: Mapped[datetime | None]
    """Until then the client is not told; none when it was told at once, infinity when it never will be."""
    bulk_of: Mapped[UUID | None]
    """The decision about a similar item that was applied to this one too."""

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        reference("member_id", "members"),
        reference("reverses", "decisions"),
        reference("reversed_by", "decisions"),
        UniqueConstraint("agency_id", "item_id", "sequence"),
        UniqueConstraint("agency_id", "reverses"),
        CheckConstraint("verdict IN ('allow', 'restrict', 'remove')", name="verdict"),
        CheckConstraint("cause IN ('correction', 'client', 'rule', 'appeal')", name="cause"),
        CheckConstraint("(reverses IS NULL) = (cause IS NULL)", name="reversal"),
        Index(None, "agency_id", "client_id", "made_at"),
        Index(
            "ix_decisions_author", "agency_id", "client_id", "author_external_id", "made_at",
            postgresql_where="author_external_id IS NOT NULL",
        ),
        Index("ix_decisions_member", "agency_id", "member_id", "made_at", "id",
              postgresql_where="member_id IS NOT NULL"),
        Index("ix_decisions_bulk_of", "agency_id", "bulk_of", postgresql_where="bulk_of IS NOT NULL"),
    )  # fmt: skip


class ReversalJob(Tenanted):
    """Taking back what rules decided, newest first, batch by batch; `cursor` is the last decision looked at."""

    __tablename__ = "reversal_jobs"

    client_id: Mapped[UUID]
    version: Mapped[int | None]
    rules: Mapped[list[str] | None]
    from_at: Mapped[datetime | None]
    to_at: Mapped[datetime]
    member_id: Mapped[UUID]
    """Who asked for it."""
    state: Mapped[str] = mapped_column(default="running")
    total: Mapped[int]
    """How many decisions matched when it began."""
    done: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[JsonObject] = mapped_column(default=dict)
    cursor: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    ended_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("member_id", "members"),
        CheckConstraint("state IN ('running', 'finished', 'cancelled')", name="state"),
        Index("ix_reversal_jobs_running", "agency_id", "id", postgresql_where="state = 'running'"),
    )
