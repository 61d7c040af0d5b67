"""Backtests with their progress, labelled items to try rules on, and how often rules fired."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, SmallInteger, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Tenanted, reference


class BacktestState(StrEnum):
    """`queued` → `running` → `done`, or `failed`; or `cancelled` by somebody from either."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


UNFINISHED = (BacktestState.QUEUED, BacktestState.RUNNING)


class Backtest(Tenanted):
    """A version tried on what was screened before, or on labelled items; taken up where it was left."""

    __tablename__ = "backtests"

    client_id: Mapped[UUID]
    version: Mapped[int]
    against: Mapped[int | None]
    """The version in force when it was asked for; None: every item was a person's."""
    kind: Mapped[str]
    """`stored` or `labelled`."""
    since: Mapped[datetime | None]
    until: Mapped[datetime]
    wanted: Mapped[int]
    """At most so many contexts."""
    total: Mapped[int | None]
    """How many there are, counted when it begins."""
    done: Mapped[int] = mapped_column(default=0)
    cursor_at: Mapped[datetime | None]
    cursor_id: Mapped[UUID | None]
    """The last context that was looked at."""
    tally: Mapped[JsonObject] = mapped_column(default=dict)
    state: Mapped[str] = mapped_column(default=BacktestState.QUEUED)
    attempts: Mapped[int] = mapped_column(SmallInteger, default=0)
    """Batches begun since the last one that was finished."""
    requested_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        CheckConstraint("state IN ('queued', 'running', 'done', 'failed', 'cancelled')", name="state"),
        CheckConstraint("kind IN ('stored', 'labelled')", name="kind"),
        Index(None, "agency_id", "client_id", "version"),
        Index("ix_backtests_unfinished", "agency_id", "id", postgresql_where="state IN ('queued', 'running')"),
    )


class LabelledItem(Base):
    """An item with what it should come to; dropped when its backtest is over."""

    __tablename__ = "backtest_items"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    backtest_id: Mapped[UUID] = mapped_column(primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    client_id: Mapped[UUID]
    item: Mapped[JsonObject]
    label: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(["agency_id", "backtest_id"], ["backtests.agency_id", "backtests.id"]),
        reference("client_id", "clients"),
        CheckConstraint("label IN ('allow', 'restrict', 'remove')", name="label"),
    )


class RateWindow(Base):
    """How many items of a client were evaluated in a stretch of time, and how often each rule fired."""

    __tablename__ = "rule_rates"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    started_at: Mapped[datetime] = mapped_column(primary_key=True)
    evaluated: Mapped[int]
    fired: Mapped[JsonObject]
    """`{rule: times}`; every rule of the version in force, silent ones with 0."""

    __table_args__ = (reference("client_id", "clients"),)
