"""Calendars, SLA policies, the clocks that run by them, and what happened to each clock."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class CalendarVersion(Tenanted):
    """Opening hours, immutable: a change is a new row that replaces the one before; nothing is replaced twice."""

    __tablename__ = "calendars"

    name: Mapped[str]
    document: Mapped[JsonObject]
    version: Mapped[int] = mapped_column(default=1)
    replaces_id: Mapped[UUID | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (UniqueConstraint("agency_id", "replaces_id"),)


class CalendarHoliday(Tenanted):
    """A public holiday of a calendar's country, copied when the calendar was kept: it is what it was then."""

    __tablename__ = "calendar_holidays"

    calendar_id: Mapped[UUID]
    day: Mapped[date]
    names: Mapped[JsonObject]
    """By language; always in English."""
    country: Mapped[str]
    subdivision: Mapped[str | None]
    source: Mapped[str]
    """The library, with the version that knew it."""
    closed: Mapped[bool]
    """Switched off it is a day like others."""

    __table_args__ = (reference("calendar_id", "calendars"), UniqueConstraint("agency_id", "calendar_id", "day"))


class SlaPolicyVersion(Tenanted):
    """What a client is promised, immutable: the highest version is in force for new clocks."""

    __tablename__ = "sla_policies"

    client_id: Mapped[UUID]
    version: Mapped[int]
    document: Mapped[JsonObject]
    note: Mapped[str] = mapped_column(default="")
    author: Mapped[str] = mapped_column(default="system")
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (reference("client_id", "clients"), UniqueConstraint("agency_id", "client_id", "version"))


class SlaVolume(Tenanted):
    """How many items of a class were promised for in one period that has a cap."""

    __tablename__ = "sla_volumes"

    client_id: Mapped[UUID]
    target_class: Mapped[str]
    period_start: Mapped[datetime]
    promised: Mapped[int]

    __table_args__ = (
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "client_id", "target_class", "period_start"),
    )


class SlaRetarget(Tenanted):
    """A change of terms on its way through the open clocks of a client, batch by batch, in the order of their ids."""

    __tablename__ = "sla_retargets"

    client_id: Mapped[UUID]
    policy_id: Mapped[UUID]
    calendar_id: Mapped[UUID]
    reason: Mapped[str]
    actor: Mapped[str]
    since: Mapped[datetime | None]
    """Only clocks that started from here on."""
    reached: Mapped[UUID | None]
    """The last clock that was looked at."""
    clocks: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("policy_id", "sla_policies"),
        reference("calendar_id", "calendars"),
        CheckConstraint("reason IN ('policy', 'calendar')", name="reason"),
        Index("ix_sla_retargets_open", "agency_id", "id", postgresql_where="finished_at IS NULL"),
    )


class ClockState(StrEnum):
    """`running` ⇄ `paused` → `met`, `missed` or `cancelled` (→ `running` when the question comes back).

    A breach is not a state but an instant, `breached_at`.
    """

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    MISSED = "missed"
    CANCELLED = "cancelled"


class Clock(Tenanted):
    """One cycle of one promise about one item. All instants are UTC; seconds count in open time where `business`."""

    __tablename__ = "sla_clocks"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    case_id: Mapped[UUID]
    metric: Mapped[str]
    cycle: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default=ClockState.RUNNING)
    policy_id: Mapped[UUID]
    calendar_id: Mapped[UUID]
    facts: Mapped[JsonObject] = mapped_column(default=dict)
    """What the promise was chosen by (`policy.CaseFacts`)."""
    target_class: Mapped[str]
    target_s: Mapped[int]
    business: Mapped[bool]
    pausable: Mapped[bool] = mapped_column(default=True)
    warnings: Mapped[list[str]] = mapped_column(default=list)
    excluded: Mapped[str | None]
    """Why this promise does not count: `over_volume`, `client_down`, `waived`."""
    started_at: Mapped[datetime]
    deadline_at: Mapped[datetime | None]
    """The platform's own: the clock is never due later. Pauses do not move it."""
    deadline_cause: Mapped[str | None]
    counted_from: Mapped[datetime]
    remaining_s: Mapped[float]
    """Seconds that were left at `counted_from`: while running, from there on; paused or stopped, still."""
    due_at: Mapped[datetime]
    """While paused, the last one."""
    timers: Mapped[list[JsonObject]] = mapped_column(default=list)
    """Warnings to come: `[{"at", "threshold"}]`, soonest first."""
    next_event_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]
    elapsed_s: Mapped[float | None]
    """What was used up when it stopped."""
    pause_reason: Mapped[str | None]
    revision: Mapped[int] = mapped_column(default=0)

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        reference("policy_id", "sla_policies"),
        reference("calendar_id", "calendars"),
        UniqueConstraint("agency_id", "item_id", "metric", "cycle"),
        CheckConstraint("state IN ('running', 'paused', 'met', 'missed', 'cancelled')", name="state"),
        CheckConstraint("metric IN ('decision', 'escalation')", name="metric"),
        CheckConstraint("excluded IN ('over_volume', 'client_down', 'waived')", name="excluded"),
        CheckConstraint(
            "pause_reason IN ('awaiting_client', 'client_callback_down', 'legal_hold')", name="pause_reason"
        ),
        CheckConstraint("(state = 'paused') = (pause_reason IS NOT NULL)", name="paused"),
        Index(
            "ix_sla_clocks_due", "agency_id", "next_event_at",
            postgresql_where="state = 'running' AND next_event_at IS NOT NULL",
        ),
        Index(
            "ix_sla_clocks_open", "agency_id", "client_id", "id",
            postgresql_where="state IN ('running', 'paused')",
        ),
        Index("ix_sla_clocks_stopped", "agency_id", "stopped_at", postgresql_where="stopped_at IS NOT NULL"),
        Index("ix_sla_clocks_breached", "agency_id", "breached_at", "id", postgresql_where="breached_at IS NOT NULL"),
    )  # fmt: skip


class ClockEvent(Tenanted):
    """Something that happened to a clock, once: `occurred_at` is the true instant, `detected_at` when it was seen.

    `threshold` tells warnings apart, `revision` what can happen several times in a cycle; a clock is one cycle.
    """

    __tablename__ = "sla_events"

    clock_id: Mapped[UUID]
    client_id: Mapped[UUID]
    type: Mapped[str]
    threshold: Mapped[str] = mapped_column(default="")
    revision: Mapped[int] = mapped_column(default=0)
    details: Mapped[JsonObject] = mapped_column(default=dict)
    occurred_at: Mapped[datetime]
    detected_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("clock_id", "sla_clocks"),
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "clock_id", "type", "threshold", "revision"),
        CheckConstraint(
            "type IN ('started', 'paused', 'resumed', 'warning', 'breached', 'met', 'missed', 'retargeted',"
            " 'cancelled')",
            name="type",
        ),
    )
