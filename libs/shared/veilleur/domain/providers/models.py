"""Providers, what they are asked, what they answered, and how often."""

from datetime import date, datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Double, Index, LargeBinary, UniqueConstraint, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Small, Tenanted, reference


class Provider(Tenanted):
    """A machine that scores texts. It sees the content of the clients it is opened for, and of nobody else."""

    __tablename__ = "providers"

    name: Mapped[str]
    """What rules call it: `provider.<name>.<its own category>`."""
    kind: Mapped[str]
    settings: Mapped[JsonObject]
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    timeout_s: Mapped[float] = mapped_column(Double)
    daily_budget: Mapped[int | None]
    """Calls a day (UTC) and client; None: as many as it takes."""
    clients: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid()))
    failures: Mapped[int] = mapped_column(default=0)
    """In a row; enough of them open the breaker."""
    open_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_failed_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    disabled_at: Mapped[datetime | None]

    __table_args__ = (
        Index("uq_providers_name", "agency_id", "name", unique=True, postgresql_where="disabled_at IS NULL"),
        CheckConstraint("timeout_s BETWEEN 0.1 AND 10", name="timeout_s"),
        CheckConstraint("daily_budget >= 0", name="daily_budget"),
    )


class ProviderQuestion(Tenanted):
    """One revision of an item that rules leave open until a provider was asked; asked once, whatever comes of it.

    `waiting` → `asking` (leased) → `answered`, or `waiting` for a second try, or `given_up`.
    """

    __tablename__ = "provider_questions"

    client_id: Mapped[UUID]
    item_id: Mapped[UUID]
    item_revision: Mapped[int]
    fields: Mapped[list[str]]
    """What the rules wait for."""
    state: Mapped[str] = mapped_column(default="waiting")
    due_at: Mapped[datetime | None]
    """When it is to be asked; while it is being asked, when its lease ends."""
    tries: Mapped[int] = mapped_column(Small, default=0)
    fence: Mapped[int] = mapped_column(default=0)
    give_up_at: Mapped[datetime]
    scores: Mapped[JsonObject | None]
    """Facts for the rules by their names."""
    asked_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (
        reference("client_id", "clients"),
        reference("item_id", "items"),
        UniqueConstraint("agency_id", "item_id", "item_revision"),
        CheckConstraint("state IN ('waiting', 'asking', 'answered', 'given_up')", name="state"),
        Index("ix_provider_questions_due", "agency_id", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index(None, "agency_id", "asked_at"),
    )


class CachedScores(Base):
    """What a provider said of a text, by the digest of its settings and the text."""

    __tablename__ = "provider_cache"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    scores: Mapped[JsonObject]
    """By the provider's own names."""
    asked_at: Mapped[datetime] = mapped_column(server_default=func.app_now())

    __table_args__ = (reference("provider_id", "providers"), Index(None, "agency_id", "asked_at"))


class ProviderCalls(Base):
    """A provider's day (UTC) with a client: calls begun, calls failed, texts answered from memory, calls not made."""

    __tablename__ = "provider_calls"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    provider_id: Mapped[UUID] = mapped_column(primary_key=True)
    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    calls: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(default=0)
    cached: Mapped[int] = mapped_column(default=0)
    refused: Mapped[int] = mapped_column(default=0)

    __table_args__ = (reference("provider_id", "providers"), reference("client_id", "clients"))
