"""Queues, cases, assignments and notes."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint, Uuid, func, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class Queue(Tenanted):
    """A pile of cases of the agency; its code is what rules and moderators name."""

    __tablename__ = "queues"

    code: Mapped[str]
    name: Mapped[str]
    lease_s: Mapped[int] = mapped_column(default=600)
    hold_cap_s: Mapped[int] = mapped_column(server_default=text("3600"))
    """The longest that heartbeats keep one claim alive; after that anybody may take the case."""
    skills: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    """Who works here has all of these, always."""
    languages: Mapped[list[str]] = mapped_column(server_default=text("'{}'"))
    """Who works here speaks one of these, if any are named."""
    tier: Mapped[int] = mapped_column(server_default=text("1"))
    relax_percent: Mapped[int] = mapped_column(server_default=text("50"))
    """Below this share of the target left, a case's own skills are no longer asked for; 0: they always are."""
    restricted: Mapped[bool] = mapped_column(server_default=text("false"))
    """Who has its skills is shown what nobody else is: the media of items under a legal hold."""
    version: Mapped[int] = mapped_column(server_default=text("1"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        UniqueConstraint("agency_id", "code"),
        CheckConstraint("lease_s BETWEEN 1 AND 3600", name="lease_s"),
        CheckConstraint("hold_cap_s BETWEEN 1 AND 86400", name="hold_cap_s"),
        CheckConstraint("tier BETWEEN 1 AND 5", name="tier"),
        CheckConstraint("relax_percent BETWEEN 0 AND 100", name="relax_percent"),
    )


class RoutingRule(Tenanted):
    """Where cases go that no content rule sends to a queue of its own; the first that fits wins."""

    __tablename__ = "routing_rules"

    position: Mapped[int]
    name: Mapped[str]
    conditions: Mapped[JsonObject]
    """`{"client": [uuid], "kind", "language", "policy", "priority", "tier": […]}`; a name left out is no condition."""
    queue_id: Mapped[UUID]
    skills: Mapped[list[str]]

    __table_args__ = (reference("queue_id", "queues"), Index(None, "agency_id", "position"))


class CaseState(StrEnum):
    """`ready` ⇄ `leased` → `decided`; an expired lease is as good as ready for the next who asks.

    `leased` → `waiting` (for the client's answer) → `ready`. Open cases end as `withdrawn` with their item too, or as
    `closed` by a lead.
    """

    READY = "ready"
    LEASED = "leased"
    WAITING = "waiting"
    DECIDED = "decided"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


OPEN_STATES = (CaseState.READY, CaseState.LEASED, CaseState.WAITING)


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
    """See `open.Reason`."""
    why: Mapped[list[JsonObject]]
    """`[{"rule", "spans": [[start, end]]}]`"""
    suggestion: Mapped[JsonObject | None]
    """What rules would have decided that may only advise: `{"verdict", "actions", "policies"}`."""
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

    needs: Mapped[str] = mapped_column(server_default=text("''"))
    """What this case asks of who decides it, as `needs.write_needs` puts it; part of the pile it lies on."""
    expiries: Mapped[int] = mapped_column(server_default=text("0"))
    """How many leases ran out and were lost to somebody else."""
    passed_by: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()), server_default=text("'{}'"))
    """Members it doesn't come back to: they skipped it or escalated it."""
    flag: Mapped[str | None]
    """Why a lead has to look: only leads and owners are handed a flagged case."""
    reserved_for: Mapped[UUID | None]
    reserved_until: Mapped[datetime | None]
    """Until then nobody else is handed the case; whom it is kept for gets it before anything else."""

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        reference("queue_id", "queues"),
        reference("holder_id", "members"),
        reference("reserved_for", "members"),
        CheckConstraint("state IN ('ready', 'leased', 'waiting', 'decided', 'withdrawn', 'closed')", name="state"),
        CheckConstraint("flag IN ('expired', 'skipped', 'stuck')", name="flag"),
        CheckConstraint("(reserved_for IS NULL) = (reserved_until IS NULL)", name="reserved"),
        CheckConstraint("priority IN ('low', 'normal', 'high', 'urgent')", name="priority"),
        CheckConstraint("(state = 'leased') = (holder_id IS NOT NULL)", name="held"),
        Index(
            "ix_cases_ready", "agency_id", "client_id", "queue_id", "needs", "due_at", "id",
            postgresql_where="state = 'ready' AND flag IS NULL",
        ),
        Index("ix_cases_held", "agency_id", "holder_id", postgresql_where="state = 'leased'"),
        Index(
            "ix_cases_reserved", "agency_id", "reserved_for",
            postgresql_where="state = 'ready' AND reserved_for IS NOT NULL",
        ),
        Index("ix_cases_flagged", "agency_id", "due_at", postgresql_where="flag IS NOT NULL AND closed_at IS NULL"),
        Index("ix_cases_open", "agency_id", "due_at", "id", postgresql_where="closed_at IS NULL"),
        Index(None, "agency_id", "item_id"),
        Index("ix_cases_closed", "agency_id", "closed_at", "id", postgresql_where="closed_at IS NOT NULL"),
        Index(
            "uq_cases_open_item", "agency_id", "item_id",
            unique=True, postgresql_where="state IN ('ready', 'leased', 'waiting')",
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
    """`released`, `skipped`, `handed_over`, `escalated` and `asked` by the holder; `freed` when the holder went off."""
    reason: Mapped[str | None]
    """Why it was skipped."""
    decision_id: Mapped[UUID | None]
    request_digest: Mapped[bytes | None]
    """Of the decision that was asked for: the same request again gets the same answer."""

    __table_args__ = (
        reference("case_id", "cases"),
        reference("client_id", "clients"),
        reference("member_id", "members"),
        UniqueConstraint("agency_id", "case_id", "fence"),
        CheckConstraint(
            "outcome IN ('decided', 'released', 'expired', 'withdrawn', 'skipped', 'handed_over', 'escalated',"
            " 'asked', 'freed', 'taken', 'closed', 'quarantined')",
            name="outcome",
        ),
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


class Question(Tenanted):
    """What a moderator asked the client about a case, and what came back."""

    __tablename__ = "questions"

    client_id: Mapped[UUID]
    case_id: Mapped[UUID]
    member_id: Mapped[UUID]
    question: Mapped[str]
    choices: Mapped[list[str]]
    asked_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    answer: Mapped[str | None]
    answered_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("case_id", "cases"),
        reference("member_id", "members"),
        Index(None, "agency_id", "case_id"),
    )


class Shift(Tenanted):
    """When a member works. Who has no shift at all is always on."""

    __tablename__ = "shifts"

    member_id: Mapped[UUID]
    document: Mapped[JsonObject]
    """A calendar: `{"time_zone", "weekly", "overrides"}`."""
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (reference("member_id", "members"), Index(None, "agency_id", "member_id"))


class Absence(Tenanted):
    """A stretch of time in which a member is away, whatever the shifts say; half-open."""

    __tablename__ = "absences"

    member_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    reason: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("member_id", "members"),
        CheckConstraint("starts_at < ends_at", name="order"),
        Index(None, "agency_id", "member_id", "ends_at"),
    )


class CareSetting(Tenanted):
    """Limits and choices of one member, or of the whole agency where no member is named. See `care`."""

    __tablename__ = "care_settings"

    member_id: Mapped[UUID | None]
    limits: Mapped[JsonObject]
    blur: Mapped[bool | None]
    opt_outs: Mapped[list[str]]
    """Policies this person is not handed, without a reason to give."""
    changed_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("member_id", "members"),
        Index("uq_care_settings_once", "agency_id", "member_id", unique=True, postgresql_nulls_not_distinct=True),
    )


class ExposureRecord(Tenanted):
    """Somebody looked at something, and how hard it may have been to look at. Rows are added, never changed."""

    __tablename__ = "exposures"

    member_id: Mapped[UUID]
    client_id: Mapped[UUID]
    case_id: Mapped[UUID]
    item_id: Mapped[UUID]
    kind: Mapped[str]
    severity: Mapped[int]
    seconds: Mapped[int]
    at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("member_id", "members"),
        reference("client_id", "clients"),
        CheckConstraint("kind IN ('decision', 'view')", name="kind"),
        Index(None, "agency_id", "member_id", "at"),
    )
