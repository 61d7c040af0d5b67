"""Events, the endpoints that want them, and one delivery for each pair."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, CheckConstraint, Double, Identity, Index, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from veilleur.infra.db.base import Base, JsonObject, Tenanted, reference

MOST_AT_ONCE = 100


class Endpoint(Tenanted):
    """A URL that is called back: a client's, or the agency's own where no client is named. No `events` means all.

    How it fares stands here too, so that all workers go by the same (see `delivery/health.py`).
    """

    __tablename__ = "endpoints"

    client_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(default="standard", server_default="standard")
    """`standard` is signed JSON; `slack` and `email` (a `mailto:` URL) are sentences, of agencies only."""
    language: Mapped[str] = mapped_column(default="en", server_default="en")
    """Of the sentences."""
    url: Mapped[str]
    sealed_url: Mapped[bytes | None]
    """The URL of a chat, which is its secret; `url` then shows its host. None for those from before it was sealed."""
    events: Mapped[list[str]] = mapped_column(default=list)
    concurrency: Mapped[int] = mapped_column(default=10, server_default="10")
    """Calls in the air at once."""
    rate_per_s: Mapped[float | None] = mapped_column(Double())
    """Calls a second at most, where the owner says so."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    disabled_at: Mapped[datetime | None]
    disabled_reason: Mapped[str | None]
    failures: Mapped[int] = mapped_column(default=0, server_default="0")
    """In a row, up to the last answer."""
    failing_since: Mapped[datetime | None]
    held_until: Mapped[datetime | None]
    """Until then nothing is sent: it asked for patience, or failed too often in a row."""
    pace_per_s: Mapped[float | None] = mapped_column(Double())
    """Calls a second after it said it had too much to do; grows with every success until it is none."""
    paid_until: Mapped[datetime | None]
    """The instant up to which calls were let through at the pace or rate (a token bucket's level)."""
    warned: Mapped[int] = mapped_column(default=0, server_default="0")
    """The last warning that was given while it fails, in percent of the way to being disabled."""
    warned_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    last_failed_at: Mapped[datetime | None]

    __table_args__ = (
        reference("client_id", "clients"),
        CheckConstraint(f"concurrency BETWEEN 1 AND {MOST_AT_ONCE}", name="concurrency"),
        CheckConstraint("rate_per_s BETWEEN 0.01 AND 1000", name="rate_per_s"),
        CheckConstraint("(disabled_at IS NULL) = (disabled_reason IS NULL)", name="disabled"),
        CheckConstraint("disabled_reason IN ('owner', 'client', 'gone', 'failing')", name="disabled_reason"),
        CheckConstraint("kind IN ('standard', 'slack', 'email')", name="kind"),
        CheckConstraint("language IN ('en', 'fr')", name="language"),
        CheckConstraint("client_id IS NULL OR kind = 'standard'", name="agency_only"),
        Index(None, "agency_id", "client_id"),
    )


class EndpointSecret(Tenanted):
    """A sealed signing secret; every live one signs."""

    __tablename__ = "endpoint_secrets"

    endpoint_id: Mapped[UUID]
    client_id: Mapped[UUID | None]
    sealed: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    expires_at: Mapped[datetime | None]

    __table_args__ = (
        reference("endpoint_id", "endpoints"),
        reference("client_id", "clients"),
        Index(None, "agency_id", "endpoint_id"),
    )


class Event(Tenanted):
    """Something a client is told, or the agency itself where none is named. `body`: the exact text of its callbacks."""

    __tablename__ = "events"

    client_id: Mapped[UUID | None]
    type: Mapped[str]
    body: Mapped[str | None]
    """None once it is past what the client keeps (its data policy's `events`)."""
    item_id: Mapped[UUID | None]
    decision_id: Mapped[UUID | None]
    """Of an event that waits: the decision it tells of."""
    occurred_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    release_at: Mapped[datetime | None]
    """Until then nobody is told; infinity when nobody ever will be."""
    sequence: Mapped[int | None] = mapped_column(BigInteger)
    """The place in the feed, given once the event is committed (see `sequence.py`)."""

    __table_args__ = (
        reference("client_id", "clients"),
        Index("ix_events_feed", "agency_id", "client_id", "sequence", postgresql_where="sequence IS NOT NULL"),
        Index("ix_events_unsequenced", "agency_id", "id", postgresql_where="sequence IS NULL"),
        Index("ix_events_held", "agency_id", "decision_id", postgresql_where="decision_id IS NOT NULL"),
        Index("ix_events_item", "agency_id", "item_id", postgresql_where="item_id IS NOT NULL"),
        Index(None, "agency_id", "occurred_at"),
    )


class FeedCounter(Base):
    """The last place that was given out in an agency's feed; its row lock is the sequencer's."""

    __tablename__ = "feed_counters"

    agency_id: Mapped[UUID] = mapped_column(primary_key=True)
    last: Mapped[int] = mapped_column(BigInteger)


class Delivery(Tenanted):
    """One event on its way to one endpoint."""

    __tablename__ = "deliveries"

    client_id: Mapped[UUID | None]
    endpoint_id: Mapped[UUID]
    event_id: Mapped[UUID]
    item_id: Mapped[UUID | None]
    """Of the event: what concerns one item reaches an endpoint in order."""
    number: Mapped[int] = mapped_column(BigInteger, Identity())
    """The order: drawn by the database when it is written, so that no process's clock can turn it round."""
    state: Mapped[str] = mapped_column(default="pending")
    attempts: Mapped[int] = mapped_column(default=0)
    attempts_before: Mapped[int] = mapped_column(server_default="0")
    """Attempts before it was last asked for again: the schedule counts from there."""
    first_attempt_at: Mapped[datetime | None]
    """Of the round under way."""
    fence: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime | None] = mapped_column(server_default=func.app_now())
    """When to try (pending) or when the lease of a sender that vanished ends (sending); none once it is over."""
    last_status: Mapped[int | None]
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.app_now())
    delivered_at: Mapped[datetime | None]
    log: Mapped[list[JsonObject]] = mapped_column(server_default="[]", deferred=True)
    """`[{"at", "status", "error", "took_ms", "next_at"}]`, one an attempt, the latest last."""

    __table_args__ = (
        reference("endpoint_id", "endpoints"),
        reference("event_id", "events"),
        reference("client_id", "clients"),
        UniqueConstraint("agency_id", "event_id", "endpoint_id"),
        CheckConstraint("state IN ('pending', 'sending', 'delivered', 'dead')", name="state"),
        Index("ix_deliveries_due", "agency_id", "endpoint_id", "due_at", postgresql_where="due_at IS NOT NULL"),
        Index("ix_deliveries_sending", "agency_id", "endpoint_id", postgresql_where="state = 'sending'"),
        Index(
            "ix_deliveries_order",
            "agency_id",
            "endpoint_id",
            "item_id",
            "number",
            postgresql_where="due_at IS NOT NULL AND item_id IS NOT NULL",
        ),
        Index(None, "agency_id", "state", "id"),
        Index(None, "agency_id", "client_id", "id"),
    )
