"""Calendars, SLA policies, the clocks that run by them, and what happened to each clock."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import JsonObject, Tenanted, reference


class CalendarVersion(Tenanted):
    """Opening hours, immutable: a change is a new row."""

    __tablename__ = "calendars"

    name: Mapped[str]
    document: Mapped[JsonObject]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())


class SlaPolicyVersion(Tenanted):
    """What a client is promised, immutable: the highest version is in force for new clocks."""

    __tablename__ = "sla_policies"

    client_id: Mapped[UUID]
    version: Mapped[int]
    document: Mapped[JsonObject]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (reference("client_id", "clients"), UniqueConstraint("agency_id", "client_id", "version"))


class ClockState(StrEnum):
    """`running` ends as `met`, `missed` or `cancelled`. A breach is not a state but an instant, `breached_at`."""

    RUNNING = "running"
    MET = "met"
    MISSED = "missed"
    CANCELLED = "cancelled"


class Clock(Tenanted):
    """One promise about one item. All instants are UTC; `target_s` counts in the calendar's open time or not."""

    __tablename__ = "sla_clocks"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    case_id: Mapped[UUID]
    metric: Mapped[str]
    cycle: Mapped[int] = mapped_column(default=1)
    state: Mapped[str] = mapped_column(default=ClockState.RUNNING)
    policy_id: Mapped[UUID]
    calendar_id: Mapped[UUID]
    target_class: Mapped[str]
    target_s: Mapped[int]
    business: Mapped[bool]
    started_at: Mapped[datetime]
    due_at: Mapped[datetime]
    next_event_at: Mapped[datetime | None]
    breached_at: Mapped[datetime | None]
    stopped_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        reference("policy_id", "sla_policies"),
        reference("calendar_id", "calendars"),
        UniqueConstraint("agency_id", "item_id", "metric", "cycle"),
        CheckConstraint("state IN ('running', 'met', 'missed', 'cancelled')", name="state"),
        Index(
            "ix_sla_clocks_due", "agency_id", "next_event_at",
            postgresql_where="state = 'running' AND next_event_at IS NOT NULL",
        ),
    )  # fmt: skip


class ClockEvent(Tenanted):
    """Something that happened to a clock, once: `occurred_at` is the true instant, `detected_at` when it was seen."""

    __tablename__ = "sla_events"

    clock_id: Mapped[UUID]
    client_id: Mapped[UUID]
    type: Mapped[str]
    occurred_at: Mapped[datetime]
    detected_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("clock_id", "sla_clocks"),
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "clock_id", "type"),
        CheckConstraint("type IN ('started', 'breached', 'met', 'missed', 'cancelled')", name="type"),
    )
